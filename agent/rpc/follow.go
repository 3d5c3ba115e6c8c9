package rpc

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"serf/internal/std"
)

// MemberList is the type of the events in which Follow lists all members.
const MemberList = "member-list"

// The pause of Follow before connecting again doubles from followPauseMin up to followPauseMax. Each
// is made shorter by up to a half, at random, so that followers of one agent don't come together.
const (
	followPauseMin = 100 * time.Millisecond
	followPauseMax = 10 * time.Second
)

// Follow yields the events of an agent that filter lets through (see [Client.Stream]), and connects
// again whenever the connection is lost or can't be made, until ctx ends. After each connect it
// first yields an event of the type MemberList with all members: what happened while there was no
// connection shows there. Events from just before that list may follow it.
//
// An error is why the agent isn't followed at the moment; the loop may report it and go on. After
// one that [IsFinal] there is nothing more to yield.
//
// Options.AnswerTimeout is DefaultTimeout if left zero.
func Follow(ctx context.Context, addr, filter string, o Options) iter.Seq2[Event, error] {
	o.AnswerTimeout = cmp.Or(o.AnswerTimeout, DefaultTimeout)
	return follow(ctx, filter, func() (*Client, error) { return Dial(ctx, addr, o) })
}

// IsFinal reports whether an error of a client doesn't go away by trying again: the agent wants
// another key, or doesn't understand the filter.
func IsFinal(err error) bool {
	return slices.ContainsFunc(
		[]error{ErrAuthRequired, ErrInvalidToken, ErrNeedlessKey, ErrInvalidFilter},
		func(final error) bool { return errors.Is(err, final) })
}

func follow(ctx context.Context, filter string, dial func() (*Client, error)) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		pause := followPauseMin
		for ctx.Err() == nil {
			err := followOnce(ctx, filter, dial, func(e Event) bool {
				pause = followPauseMin
				return yield(e, nil)
			})
			if ctx.Err() != nil || err == nil || !yield(Event{}, err) || IsFinal(err) {
				return
			}
			std.Sleep(ctx, pause-rand.N(pause/2))
			pause = min(2*pause, followPauseMax)
		}
	}
}

// followOnce yields events until the connection breaks, or yield returns false: then the error is
// nil.
func followOnce(ctx context.Context, filter string, dial func() (*Client, error),
	yield func(Event) bool) error {
	c, err := dial()
	if err != nil {
		return err
	}
	defer c.Close()
	events, err := c.Stream(ctx, filter) // before the members: nothing gets lost in between
	if err != nil {
		return err
	}
	members, err := c.Members(ctx)
	if err != nil {
		return err
	}
	if !yield(Event{Type: MemberList, Members: members}) {
		return nil
	}
	for {
		e, err := events.Next(ctx)
		if err != nil {
			return err
		}
		if !yield(e) {
			return nil
		}
	}
}

// All yields the records until the stream or ctx ends. The error is that of Next, but io.EOF, which
// is no error, is left out.
func (s *Stream[T]) All(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			v, err := s.Next(ctx)
			if err == io.EOF || !yield(v, err) || err != nil {
				return
			}
		}
	}
}
