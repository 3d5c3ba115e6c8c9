package main

import "context"

// ask asks the agent for the history of a member.
func (s *watchSession) ask(ctx context.Context, name string) {
	s.send(ctx, watchUpdate{history: &watchHistory{name: name, instead: "this agent keeps none"}})
}
