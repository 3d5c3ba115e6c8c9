package watch

import (
	"testing"
	"unicode"

	"golang.org/x/text/width"
)

func TestWideCharactersAreThoseOfTheLibrary(t *testing.T) {
	t.Parallel()
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		kind := width.LookupRune(r).Kind()
		want := kind == width.EastAsianWide || kind == width.EastAsianFullwidth
		if got := unicode.Is(wide, r); got != want {
			t.Fatalf("%U: wide %t, want %t", r, got, want)
		}
	}
}
