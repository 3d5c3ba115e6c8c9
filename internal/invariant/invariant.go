// Package invariant checks what only a bug in this program can break. Input from peers, users or
// files never does: it is refused with an error.
package invariant

// Check panics with what was broken, "swim: member not in the view" say, unless ok.
func Check(ok bool, what string) {
	if !ok {
		broken(what)
	}
}

func broken(what string) { panic("BUG: " + what) }
