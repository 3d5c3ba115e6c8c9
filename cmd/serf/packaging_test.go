package main

import "testing"

// TestPackagedConfiguration: the example that packages bring is accepted as it is.
func TestPackagedConfiguration(t *testing.T) {
	t.Parallel()
	s, err := loadSetup([]string{"-config-file=../../packaging/serf.json.example", "-node=n", "-bind=127.0.31.1"})
	if err != nil || len(s.warnings) > 0 {
		t.Errorf("%v, %v", err, s.warnings)
	}
}
