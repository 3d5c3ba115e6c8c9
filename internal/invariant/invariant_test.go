package invariant

import "testing"

func TestCheck(t *testing.T) {
	Check(true, "swim: fine")
	defer func() {
		if got := recover(); got != "BUG: swim: broken" {
			t.Errorf("panicked with %v", got)
		}
	}()
	Check(false, "swim: broken")
}
