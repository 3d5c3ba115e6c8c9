package textwrap

import "testing"

func TestColumns(t *testing.T) {
	t.Parallel()
	got := Columns([][]string{{"a", "b", "c"}, {"äöü", "", ""}, {"x"}, {"y", "long", "z"}})
	const want = "a    b     c\näöü\nx\ny    long  z\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0 members", 1: "1 member", 2: "2 members"} {
		if got := Count(n, "member"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestSome(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c", "d"}
	for n, want := range map[int]string{0: "", 1: "a", 2: "a, b", 3: "a, b and 1 more", 4: "a, b and 2 more"} {
		if got := Some(names[:n], 2); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
