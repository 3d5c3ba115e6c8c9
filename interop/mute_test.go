package interop

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Bounds on what clients that don't read may cost an agent, beyond what one without them needs
// (F32).
const (
	muteClients = 4
	// muteMemory is for what is buffered for them until they are cut off, in bytes.
	muteMemory = 32 << 20
	// muteLog is for the lines that say that they come and are cut off, in bytes.
	muteLog = 16 << 10
	// mutePause is the time between events.
	mutePause = 5 * time.Millisecond
)

// TestMuteClients has clients subscribe to all events and the whole log of an agent that logs
// everything, and read nothing, while events come in: its log, memory and work are like those of an
// agent without such clients. The original is measured too, in the long form and for a shorter
// time, for the figures only.
func TestMuteClients(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("what a process uses is read from /proc")
	}
	span := 3 * time.Second
	if *long {
		span = time.Minute
		muteRun(t, originalProgram, 10*time.Second)
	}
	with, without := muteRun(t, ownProgram, span)
	if with.log > without.log+without.log/4+muteLog {
		t.Errorf("it logged %d bytes, and %d without them", with.log, without.log)
	}
	if with.memory > without.memory+muteMemory {
		t.Errorf("it holds %d bytes, and %d without them", with.memory, without.memory)
	}
	if with.processor > 2*without.processor+time.Second {
		t.Errorf("it worked for %v, and for %v without them", with.processor, without.processor)
	}
}

// muteCost is what an agent has used.
type muteCost struct {
	log, memory int // bytes
	processor   time.Duration
}

func (u muteCost) String() string {
	return fmt.Sprintf("%d KiB of log, %d MiB of memory, %v of processor time", u.log>>10, u.memory>>20, u.processor)
}

// muteRun sends events for a while to two agents of one implementation, one of which has mute
// clients.
func muteRun(t *testing.T, p program, span time.Duration) (with, without muteCost) {
	t.Helper()
	source := p.start(t, options{name: "source"}, dialOwn)
	muted := p.start(t, options{name: "muted"}, dialOwn, "-log-level=trace", "-join="+source.bind.String())
	calm := p.start(t, options{name: "calm"}, dialOwn, "-log-level=trace", "-join="+source.bind.String())
	wantAgreement(t, source, muted, calm)
	for range muteClients {
		muteClient(t, muted.rpcAddr())
	}
	tick := time.NewTicker(mutePause)
	defer tick.Stop()
	last := ""
	for n, end := 0, time.Now().Add(span); time.Now().Before(end); n++ {
		<-tick.C
		last = fmt.Sprintf("event-%d", n)
		must(t, source.event(last, make([]byte, 200), false))
	}
	if p.name == ownProgram.name { // the original loses some
		wantEvent(t, "user "+last+" "+string(make([]byte, 200)), muted, calm)
	}
	with, without = costOf(t, muted), costOf(t, calm)
	t.Logf("%s, %v: with %d mute clients %v; without %v", p.name, span, muteClients, with, without)
	for _, m := range []*running{source, muted, calm} {
		m.kill()
	}
	return with, without
}

func costOf(t *testing.T, m *running) muteCost {
	t.Helper()
	return muteCost{log: len(m.log.String()), memory: residentMemory(t, m), processor: processorUsed(t, m)}
}

// processorUsed returns the processor time that an agent has used.
func processorUsed(t *testing.T, m *running) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", m.cmd.Process.Pid))
	must(t, err)
	_, after, _ := strings.Cut(string(b), ") ") // the name may have spaces
	fields := strings.Fields(after)
	const user, system, ticks = 11, 12, 100 // columns from here; ticks a second, on every Linux
	var sum int
	for _, i := range []int{user, system} {
		n, err := strconv.Atoi(fields[i])
		must(t, err)
		sum += n
	}
	return time.Duration(sum) * time.Second / ticks
}
