package netsim

import (
	"testing"
	"time"

	"serf/swim"
)

// sayBytes makes host from send size bytes to host to.
func sayBytes(s *Sim, from, to, size int) {
	s.Do(from, func(_ swim.Machine, _ swim.Time, out *swim.Output) {
		out.Packets = append(out.Packets, swim.Packet{To: toyAddr(to), Data: make([]byte, size)})
	})
}

// A packet that just fits passes, with its headers, and one byte more doesn't.
func TestPacketsAboveAnMTUVanish(t *testing.T) {
	s, ms := toys(t, 3, fixed(tick))
	id := s.Impair([]int{0}, []int{1}, WayOut, Impairment{MTU: 1280})
	for _, size := range []int{1280 - ipHeader, 1280 - ipHeader + 1} {
		sayBytes(s, 0, 1, size)
		sayBytes(s, 0, 2, size)
		sayBytes(s, 1, 0, size)
	}
	s.Run(at(10 * tick))
	wantCounts(t, "only from 0 to 1", ms, 2, 1, 2)
	if n := s.Stats().TooLarge; n != 1 {
		t.Errorf("%d were too large, want 1", n)
	}
	s.Repair(id)
	sayBytes(s, 0, 1, 1400)
	s.Run(at(20 * tick))
	wantCounts(t, "ended", ms, 0, 1, 0)
}

// What connects is small. A large request, or a large answer, never arrives.
func TestLargeMessagesOnStreamsStallAtAnMTU(t *testing.T) {
	size := len(block("hello")) + tcpHeader
	for _, tt := range []struct {
		way  Way
		mtu  int
		want string
	}{
		{WayOut, size, `4ms reply 1 "re: hello"`},
		{WayOut, size - 1, "10s failed 1: connected, but no answer in time"},
		{WayIn, size + len("re: "), `4ms reply 1 "re: hello"`},
		{WayIn, size + len("re: ") - 1, "10s failed 1: i/o timeout"},
	} {
		s, ms := toys(t, 2, fixed(tick))
		s.Impair([]int{0}, nil, tt.way, Impairment{MTU: tt.mtu})
		callToy(s, 0, 1, swim.StreamCall, "hello")
		s.Run(at(20 * time.Second))
		wantLog(t, "a call", ms[0], tt.want)
	}
}

func TestFaultsOfStreamsLetPacketsPass(t *testing.T) {
	for _, tt := range []struct {
		what     StreamFault
		call     string
		send     string
		atServer int
	}{
		{StreamsPass, `4ms reply 1 "re: hello"`, "20.002s sent 1", 2},
		{StreamsSilent, "10s failed 1: connected, but no answer in time", "20.002s sent 1", 0},
		{StreamsHang, "10s failed 1: i/o timeout", "30s failed 1: i/o timeout", 0},
		{StreamsRefuse, "2ms failed 1: connection refused", "20.002s failed 1: connection refused", 0},
	} {
		s, ms := toys(t, 3, fixed(tick))
		s.Impair([]int{1}, nil, WayIn, Impairment{Streams: tt.what})
		callToy(s, 0, 1, swim.StreamCall, "hello")
		s.Run(at(20 * time.Second))
		ms[1].mute = true // which isn't for messages without an answer
		s.Do(2, func(_ swim.Machine, now swim.Time, out *swim.Output) {
			out.Streams = append(out.Streams, swim.StreamOut{
				ID: 1, Kind: swim.StreamSend, To: toyAddr(1), Data: block("x"), Deadline: now.Add(10 * time.Second), Report: true,
			})
		})
		s.Run(at(40 * time.Second))
		wantLog(t, "a call", ms[0], tt.call)
		wantLog(t, "a message", ms[2], tt.send)
		if len(ms[1].log) != tt.atServer {
			t.Errorf("fault %d: the other end read %q", tt.what, ms[1].log)
		}
		say(s, 0, 1, 1)
		s.Run(at(41 * time.Second))
		if ms[1].count != 1 {
			t.Errorf("fault %d: no packet passes", tt.what)
		}
	}
}

// An attempt that hangs succeeds if the fault ends in time.
func TestHangingConnectIsTriedAgain(t *testing.T) {
	s, ms := toys(t, 2, fixed(tick))
	id := s.Impair([]int{1}, nil, WayIn, Impairment{Streams: StreamsHang})
	callToy(s, 0, 1, swim.StreamCall, "hello")
	s.At(at(1500*tick), func() { s.Repair(id) })
	s.Run(at(20 * time.Second))
	wantLog(t, "a call", ms[0], `2.004s reply 1 "re: hello"`)
}

func TestRejectionIsTold(t *testing.T) {
	s, ms := toys(t, 3, fixed(tick))
	s.Impair([]int{0}, []int{1}, WayOut, Impairment{Reject: true})
	if s.Reaches(0, 1) || !s.Reaches(1, 0) || !s.Reaches(0, 2) {
		t.Error("other pairs are cut off than it is about")
	}
	say(s, 0, 1, 1)
	callToy(s, 0, 1, swim.StreamCall, "hello")
	s.Run(at(20 * time.Second))
	wantLog(t, "at once", ms[0], "2ms failed 1: no route to host")
	if st := s.Stats(); st.Rejected != 1 || st.Cut != 0 || ms[1].count != 0 {
		t.Errorf("%d packets rejected, %d cut, %d arrived; want 1, 0, 0", st.Rejected, st.Cut, ms[1].count)
	}
}

// The smallest of several limits counts, and a limit smaller than any packet keeps none.
func TestReceiveBufferKeepsWhatFitsAndDropsTheNewest(t *testing.T) {
	const packet = 4 + packetOverhead
	s, ms := toys(t, 2, fixed(0))
	got := func() int {
		s.Pause(1)
		for n := range uint32(10) {
			say(s, 0, 1, n)
		}
		s.Run(s.Now() + 1)
		s.Resume(1)
		return counts(ms)[1]
	}
	wide := s.Impair([]int{1}, nil, WayIn, Impairment{Buffer: 5 * packet})
	if n := got(); n != 5 || ms[1].log[4] != "1ns packet 4 from 10.0.0.1:7946" {
		t.Errorf("%d packets kept of 5 that fit: %q", n, ms[1].log)
	}
	narrow := s.Impair([]int{1}, nil, WayIn, Impairment{Buffer: 3*packet - 1})
	if n := got(); n != 2 {
		t.Errorf("%d packets kept of 2 that fit", n)
	}
	s.Repair(narrow)
	s.Impair([]int{1}, nil, WayIn, Impairment{Buffer: 1})
	if n := got(); n != 0 {
		t.Errorf("%d packets kept in a byte", n)
	}
	s.Repair(wide)
	s.Heal()
	if n := got(); n != 10 {
		t.Errorf("%d packets kept of 10 without a limit", n)
	}
}
