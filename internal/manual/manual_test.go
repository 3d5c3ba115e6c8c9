package manual

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// help has every form that help texts use.
const help = `
Usage: serf try [options] MEMBER [FILE ...]

  Tries what 'serf sim -h' says: it's
  a paragraph.

      $ typed --here
    as it stands

Options:

  -format=text
        text or json.

  -node=MEMBER
        Ask one. May be repeated.

  -tag KEY=REGEXP
        Only those.

  -coalesce=true
        Whether to.

  -quiet
        Print nothing.

  -config-file=path         JSON file
                            with options
  -profile=name             timing: lan, wan or local (default lan)

What it prints

  crash noticed   from the crash until
                  it is noticed
  a_long_name_of_a_key
                  its text

  one (a)  two (b)  three (c)
  four (d)

-quiet is last. It says:
so much.
`

func TestParse(t *testing.T) {
	t.Parallel()
	want := Page{Usage: "serf try [options] MEMBER [FILE ...]", Blocks: []Block{
		{Paragraph, "", "Tries what 'serf sim -h' says: it's a paragraph."},
		{Literal, "", "      $ typed --here\n    as it stands"},
		{Heading, "", "Options"},
		{Item, "-format=text", "text or json."},
		{Item, "-node=MEMBER", "Ask one. May be repeated."},
		{Item, "-tag KEY=REGEXP", "Only those."},
		{Item, "-coalesce=true", "Whether to."},
		{Item, "-quiet", "Print nothing."},
		{Item, "-config-file=path", "JSON file with options"},
		{Item, "-profile=name", "timing: lan, wan or local (default lan)"},
		{Heading, "", "What it prints"},
		{Item, "crash noticed", "from the crash until it is noticed"},
		{Item, "a_long_name_of_a_key", "its text"},
		{Literal, "", "  one (a)  two (b)  three (c)\n  four (d)"},
		{Paragraph, "", "-quiet is last. It says: so much."},
	}}
	if diff := cmp.Diff(want, Parse(help)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRoff(t *testing.T) {
	t.Parallel()
	p := Parse("Usage: serf force-leave [options] MEMBER\n\n" +
		"  Tries what 'serf sim -h' says. " + strings.Repeat("a-b ", 20) + "\n  ...\\ ends^~`\n\n" +
		"  -format=text\n        text.\n\n    .literal\n  text\n\nExit codes:\n\n  0  done\n")
	got := p.Roff(Title{"serf-force-leave", "try it", "Serf v9", time.Unix(0, 0), []string{"serf", "serf-sim"}},
		Block{Kind: Paragraph, Text: "Further."})
	const want = `.\" Made by 'serf help -man' from the help texts.
.TH "SERF\-FORCE\-LEAVE" 1 1970-01-01 "Serf v9" "Serf Manual"
.SH NAME
serf\-force\-leave \- try it
.SH SYNOPSIS
\fBserf force\-leave\fP [options] \fIMEMBER\fP
.SH "DESCRIPTION"
Tries what \fBserf sim \-h\fP says. a\-b a\-b a\-b a\-b a\-b a\-b a\-b a\-b a\-b
a\-b a\-b a\-b a\-b a\-b a\-b a\-b a\-b a\-b a\-b a\-b ...\e ends\(ha\(ti\(ga
.SH "OPTIONS"
.TP
\fB\-format=\fP\fItext\fP
text.
.PP
.nf
    .literal
  text
.fi
.SH "EXIT CODES"
.TP
\fB0\fP
done
.PP
Further.
.SH SEE ALSO
\fBserf\fP(1),
\fBserf\-sim\fP(1)
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A line that begins with a point would be a request.
func TestPointAtTheBeginningOfALine(t *testing.T) {
	t.Parallel()
	p := Page{Blocks: []Block{{Paragraph, "", strings.Repeat("x", sourceWidth) + " .so /etc/passwd"}, {Literal, "", ".de"}}}
	for line := range strings.Lines(p.Roff(Title{Name: "serf"})) {
		if strings.HasPrefix(line, ".so") || strings.HasPrefix(line, ".de") {
			t.Errorf("a request: %q", line)
		}
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	p := Parse(help)
	all := "-format=+ -node=+ -tag -coalesce -quiet -config-file=+ -profile=+"
	for _, tt := range []struct {
		line string // the words after the command; the last one is being typed
		want string // the candidates, + after those that go on, then what is needed
	}{
		{"-", all}, {"-f", "-format=+"}, {"--q", "--quiet"}, {"---q", ""}, {"-nosuch=", ""},
		{"-format=", "-format=text -format=json"}, {"--format=j", "--format=json"},
		{"-coalesce=", "-coalesce=true -coalesce=false"}, {"-quiet=", ""},
		{"-profile ", "lan wan local"}, {"-profile=w", "-profile=wan"},
		{"-node=we", "members after -node=: we"}, {"-node we", "members after : we"},
		{"-config-file=/e", "files after -config-file=: /e"},
		{"", "members after : "}, {"w", "members after : w"}, {"-quiet w", "members after : w"},
		{"-format json w", "members after : w"}, {"-coalesce w", "members after : w"},
		{"-- -w", "members after : -w"}, {"-node -q w", "members after : w"},
		{"web x", "files after : x"}, {"web x y z", "files after : z"}, {"web -f", "files after : -f"},
	} {
		words := strings.Split(tt.line, " ")
		c := p.Complete(words[:len(words)-1], words[len(words)-1])
		var got []string
		for _, one := range c.Candidates {
			w := one.Word
			if one.Open {
				w += "+"
			}
			got = append(got, w)
		}
		switch c.Need {
		case Files:
			got = append(got, "files after "+c.Prefix+": "+c.Typed)
		case Members:
			got = append(got, "members after "+c.Prefix+": "+c.Typed)
		}
		if joined := strings.Join(got, " "); joined != tt.want {
			t.Errorf("%q: %q, want %q", tt.line, joined, tt.want)
		}
	}
}

// Where no argument is expected, an empty word stands for the options.
func TestCompleteWithoutArguments(t *testing.T) {
	t.Parallel()
	p := Parse("Usage: serf try [options]\n\n  -quiet\n        Say nothing. Ever.\n")
	got := p.Complete(nil, "")
	want := Completion{Candidates: []Candidate{{Word: "-quiet", Text: "Say nothing"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := p.Complete([]string{"x"}, ""); len(got.Candidates) > 0 {
		t.Errorf("after an argument: %v", got)
	}
}
