package serf

import (
	"context"
	"errors"
)

// SerfState is what a Serf is doing.
type SerfState int

// The states of a Serf.
const (
	SerfAlive SerfState = iota
	SerfLeaving
	SerfLeft
	SerfShutdown
)

// String is the state in lower case, or "unknown".
func (s SerfState) String() string {
	switch s {
	case SerfAlive:
		return "alive"
	case SerfLeaving:
		return "leaving"
	case SerfLeft:
		return "left"
	case SerfShutdown:
		return "shutdown"
	}
	return "unknown"
}

// State is what the Serf is doing.
func (s *Serf) State() SerfState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Leave tells the others that this node leaves, and returns when they had time to hear it. The node
// still answers: Shutdown ends it. Once it has left, further calls do nothing.
func (s *Serf) Leave() error {
	switch s.maybeSet(SerfLeaving, SerfAlive) {
	case SerfLeaving:
		return errors.New("Leave already in progress")
	case SerfLeft:
		return nil
	case SerfShutdown:
		return errors.New("Leave called after Shutdown")
	}
	if err := s.agent.Leave(context.Background()); err != nil { // the others will find out
		s.agent.Log().Warnf("serf", "leaving: %v", err)
	}
	s.maybeSet(SerfLeft, SerfLeaving)
	return nil
}

// maybeSet changes the state if it is from, and returns what it was.
func (s *Serf) maybeSet(to, from SerfState) (was SerfState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was = s.state; was == from {
		s.state = to
	}
	return was
}

// Shutdown stops the node without telling the others; Leave comes before it. When it returns, ports
// and files are free, and nothing more is sent on EventCh. It may be called again. The error is that
// of the snapshot, which is incomplete then.
func (s *Serf) Shutdown() error {
	s.setShutdown()
	s.agent.Close()
	<-s.shutdown
	return s.err
}

func (s *Serf) setShutdown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = SerfShutdown
}

// awaitEnd waits until the agent has stopped, by Shutdown or because another member has won a vote
// over the name.
func (s *Serf) awaitEnd() {
	<-s.agent.Done()
	s.setShutdown()
	s.keys.close()
	s.err = s.closeFiles(s.agent.Log())
	close(s.shutdown)
}

// ShutdownCh is closed when the node has stopped, by Shutdown or because it lost a vote over its
// name.
func (s *Serf) ShutdownCh() <-chan struct{} { return s.shutdown }
