package memberlist

import (
	"bytes"
	"log"
	"log/slog"
	"testing"
)

func TestLinesOfTheLog(t *testing.T) {
	var b bytes.Buffer
	l := slog.New(lines{logger: log.New(&b, "x ", 0)})
	l.Debug("one")
	l.Info("two", "n", 1)
	l.With("a", "b").Warn("three", "c", "d e")
	l.WithGroup("g").Error("four", "n", 1)
	l.Info("five\n[ERR] memberlist: forged")
	const want = "x [DEBUG] memberlist: one\nx [INFO] memberlist: two n=1\n" +
		"x [WARN] memberlist: three a=b c=d e\nx [ERR] memberlist: four g.n=1\n" +
		`x [INFO] memberlist: five\n[ERR] memberlist: forged` + "\n"
	if got := b.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
