package agent

import "testing"

func TestParseFilter(t *testing.T) {
	filter, err := ParseFilter("user:deploy,query,member-failed")
	if err != nil {
		t.Fatal(err)
	}
	for e, want := range map[string]struct {
		event Event
		pass  bool
	}{
		"the event of that name": {UserEvent{Name: "deploy"}, true},
		"another one":            {UserEvent{Name: "undeploy"}, false},
		"any query":              {QueryEvent{Name: "version"}, true},
		"the member event":       {MemberEvent{Type: MemberFailed}, true},
		"another member event":   {MemberEvent{Type: MemberJoin}, false},
	} {
		if got := filter(want.event); got != want.pass {
			t.Errorf("%s: passes %v, want %v", e, got, want.pass)
		}
	}
	if _, err := ParseFilter("user,deploy"); err == nil {
		t.Error("deploy isn't a kind of event, but there is no error")
	}
}

func TestMustParseFilterPanicsOnWhatIsNone(t *testing.T) {
	if MustParseFilter("user:deploy")(UserEvent{Name: "other"}) || !MustParseFilter("*")(UserEvent{}) {
		t.Error("the filter isn't that of the text")
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	MustParseFilter("users")
}
