package interop

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var kills = flag.Int("kills", 8, "how often TestKilledAgainAndAgain kills its agent")

const (
	// eventPause is the time between the events that flow while an agent is killed.
	eventPause = 5 * time.Millisecond
	// lifeMax bounds the random time from the rejoin to the kill.
	lifeMax = 400 * time.Millisecond
	// earlyMax bounds the time from the start to a kill that may precede the rejoin, as every
	// fourth does.
	earlyMax = 150 * time.Millisecond
)

// The events that an agent delivered show in its log, which begins with the process, and in a
// client's stream, which begins later but may have been slightly ahead when the process was killed.
var (
	loggedEvent   = regexp.MustCompile(`Received event: user-event: flow-(\d+)\n`)
	streamedEvent = regexp.MustCompile(`user flow-(\d+) \n`)
)

// TestKilledAgainAndAgain kills an agent of ours at random moments while events flow. With its
// snapshot it rejoins by itself each time, and delivers no event twice, nor one older than those it
// has delivered.
func TestKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	for _, source := range []program{ownProgram, originalProgram} {
		t.Run("events of "+source.name, func(t *testing.T) {
			t.Parallel()
			killAgainAndAgain(t, source)
		})
	}
}

func killAgainAndAgain(t *testing.T, source program) {
	from := source.start(t, options{name: "source"}, dialOwn)
	// Always at one address: at another, the time until the original declares it dead would count
	// too.
	o := options{name: "victim", ip: ownIP(t)}
	snapshot := "-snapshot=" + filepath.Join(t.TempDir(), "snapshot")
	victim := ownProgram.start(t, o, dialOwn, snapshot, "-join="+from.bind.String())
	wantAgreement(t, victim, from)
	stop := flow(t, from)
	newest, told := 0, 0
	for n := range *kills {
		if n%4 == 3 {
			time.Sleep(rand.N(earlyMax))
		} else {
			wantNews(t, victim, newest)
			wantAgreement(t, victim, from)
			time.Sleep(rand.N(lifeMax))
		}
		victim.kill()
		newest, told = wantNewer(t, victim, n, newest, told)
		victim = ownProgram.start(t, o, dialOwn, snapshot)
	}
	wantNews(t, victim, newest)
	wantAgreement(t, victim, from)
	stop()
	victim.kill()
	_, told = wantNewer(t, victim, *kills, newest, told)
	t.Logf("%d kills, %d events told, rejoined each time", *kills, told)
}

// flow fires events flow-1, flow-2 and so on, until stop is called.
func flow(t *testing.T, from *running) (stop func()) {
	ending, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(eventPause)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-ending:
				return
			case <-tick.C:
			}
			if err := from.event(fmt.Sprintf("flow-%d", n), nil, false); err != nil {
				t.Errorf("event %d: %v", n, err)
				return
			}
		}
	}()
	stop = sync.OnceFunc(func() {
		close(ending)
		<-ended
	})
	t.Cleanup(stop)
	return stop
}

// flowNumbers returns the numbers of the events that m delivered, in order, by its log and by its
// stream.
func flowNumbers(m *running) (logged, streamed []int) {
	return numbersIn(loggedEvent, m.log.String()), numbersIn(streamedEvent, strings.Join(m.events(), "\n")+"\n")
}

func numbersIn(pattern *regexp.Regexp, text string) (all []int) {
	for _, match := range pattern.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(match[1]) // digits
		all = append(all, n)
	}
	return all
}

// wantNews waits until m has delivered an event after that number.
func wantNews(t *testing.T, m *running, newest int) {
	t.Helper()
	eventually(t, patience, "an event after that of the last life", func() error {
		if all, _ := flowNumbers(m); len(all) == 0 || all[len(all)-1] <= newest {
			return fmt.Errorf("it was told %d events", len(all))
		}
		return nil
	})
}

// wantNewer checks that a killed agent delivered only events after newest, each once. It returns
// the newest since, and how many it delivered in all lifetimes.
func wantNewer(t *testing.T, m *running, life, newest, told int) (latest, sum int) {
	t.Helper()
	latest = newest
	logged, streamed := flowNumbers(m)
	for _, numbers := range [][]int{logged, streamed} {
		seen := make(map[int]bool)
		for _, n := range numbers {
			if n <= newest || seen[n] {
				t.Errorf("life %d was told event %d again or late; the last life had come to %d", life, n, newest)
			}
			seen[n] = true
			latest = max(latest, n)
		}
	}
	return latest, told + len(logged)
}
