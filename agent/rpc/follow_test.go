package rpc

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestFollowTriesAgainAtGrowingPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		refused := errors.New("refused")
		last, longest, n := time.Now(), followPauseMin, 0
		for _, err := range follow(ctx, "*", func() (*Client, error) { return nil, refused }) {
			if err != refused {
				t.Fatal(err)
			}
			if took := time.Since(last); n > 0 && (took > longest || took < longest/2) {
				t.Errorf("try %d after %v, want %v to %v", n, took, longest/2, longest)
			}
			if n > 0 {
				longest = min(2*longest, followPauseMax)
			}
			last = time.Now()
			n++
		}
		if n < 10 || n > 30 {
			t.Errorf("%d tries in a minute", n)
		}
	})
}

func TestFollowEndsWithAFinalError(t *testing.T) {
	for _, final := range []error{ErrAuthRequired, ErrInvalidToken, ErrNeedlessKey, ErrInvalidFilter} {
		n := 0
		for _, err := range follow(t.Context(), "*", func() (*Client, error) { return nil, final }) {
			if n++; n > 1 || err != final {
				t.Fatal(n, err)
			}
		}
	}
	if IsFinal(errors.New("another")) || IsFinal(nil) {
		t.Error("any error is final")
	}
}
