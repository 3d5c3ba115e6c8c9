package main

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestLifeguardOptions(t *testing.T) {
	var e env
	study, _, ok := parseLifeguard([]string{"-reduced", "-variant=lifeguard", "-variant=no-standstill", "-stop=anywhere", "-read-time=50us", "-repeat=3", "-seed=7", "-workers=2"}, e)
	if !ok || len(study.Variants) != 2 || study.Variants[1].Name != "no-pause-compensation" || !study.Anywhere || study.ReadTime != 50*time.Microsecond || study.Repeat != 3 || study.Seed != 7 || study.workers != 2 {
		t.Errorf("%v, %+v", ok, study)
	}
	whole, _, _ := parseLifeguard(nil, e)
	if len(whole.Variants) != 6 || len(whole.Stopped)*len(whole.Stops)*len(whole.Runs) != 432 || whole.ReadTime != 50*time.Microsecond {
		t.Errorf("the whole study: %+v", whole)
	}
}

func TestLifeguardIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, out, errs := sim(t, ctx, "lifeguard", "-reduced")
	if code != exitError || !strings.HasPrefix(out, "0 of 36 combinations\n") || !strings.Contains(errs, "Interrupted") {
		t.Errorf("exit %d\n%s\n%s", code, out, errs)
	}
}

func TestLifeguardRefusals(t *testing.T) {
	for arg, want := range map[string]string{
		"-variant=raft": "no such variant", "-variant=no-buddy": "no such variant", "-repeat=0": "from 1 to 100", "-workers=x": "from 1 to 256", "-seed=-1": "want a whole number, 0 or more", "-stop=never": "want send or anywhere", "-read-time=2s": "-read-time 2s: allowed 0s to 1s",
	} {
		if code, _, errs := sim(t, t.Context(), "lifeguard", arg); code != exitError || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d, %q", arg, code, errs)
		}
	}
}
