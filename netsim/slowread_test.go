package netsim

import (
	"testing"
	"time"
)

// A host that runs on reads what waits one packet after the other, and what arrives meanwhile in
// its turn. A host that stops again leaves the rest for later.
func TestWaitingPacketsTakeTimeToRead(t *testing.T) {
	s, ms := toys(t, 2, fixed(tick))
	m := ms[1]
	s.SetReadTime(1, 10*time.Millisecond)
	s.Pause(1)
	for n := range uint32(4) {
		say(s, 0, 1, n)
	}
	s.Run(at(100 * time.Millisecond))
	s.Resume(1)
	if !s.Running(1) {
		t.Error("a host that reads doesn't run")
	}
	s.Run(at(105 * time.Millisecond))
	say(s, 0, 1, 4)
	s.Run(at(121 * time.Millisecond))
	wantLog(t, "two were read", m, "110ms packet 0 from 10.0.0.1:7946", "120ms packet 1 from 10.0.0.1:7946")
	s.Pause(1)
	s.Run(at(200 * time.Millisecond))
	s.Resume(1)
	s.Run(at(time.Second))
	wantLog(t, "the rest, in order of arrival", m,
		"210ms packet 2 from 10.0.0.1:7946", "220ms packet 3 from 10.0.0.1:7946", "230ms packet 4 from 10.0.0.1:7946")
	say(s, 0, 1, 5)
	s.Run(at(2 * time.Second))
	if got := m.log[len(m.log)-1]; got != "1.001s packet 5 from 10.0.0.1:7946" {
		t.Errorf("when nothing waits any more, a packet is read at once: %s", got)
	}
	if used := s.cold[1].heldSize; used != 0 || s.cold[1].held != nil {
		t.Errorf("%d bytes of the socket buffer are in use", used)
	}
}

// Timers go on while a host reads, and a crash forgets what wasn't read.
func TestReadingHostTicksAndCrashes(t *testing.T) {
	s, _ := toys(t, 1, fixed(tick))
	m := &toy{every: 10 * tick, due: at(10 * tick), log: []string{}}
	addToy(t, s, toyAddr(1), m)
	s.SetReadTime(1, time.Second)
	s.Pause(1)
	say(s, 0, 1, 1)
	s.Run(at(5 * tick))
	s.Resume(1)
	s.Run(at(95 * tick))
	if m.sent != 9 || m.count != 0 {
		t.Errorf("%d ticks and %d packets, want 9 and 0", m.sent, m.count)
	}
	s.Crash(1)
	s.Run(at(2 * time.Second))
	if m.count != 0 || len(s.cold[1].held) > 0 {
		t.Error("a packet was read after the crash")
	}
}
