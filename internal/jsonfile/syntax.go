package jsonfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// space is the white space of JSON.
const space = " \t\r\n"

// utf8Mark is the byte order mark that some editors put first. It is skipped.
var utf8Mark = []byte("\ufeff")

// foreign finds text that isn't UTF-8: encoding/json would silently replace what it can't read.
func (f *File) foreign() (at int, problem string) {
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		if bytes.HasPrefix(f.data, []byte(mark)) {
			return 0, "the file is in UTF-16: save it as UTF-8"
		}
	}
	for at < len(f.data) {
		r, size := utf8.DecodeRune(f.data[at:])
		if r == utf8.RuneError && size == 1 {
			return at, "this is not UTF-8: save the file as UTF-8"
		}
		at += size
	}
	return 0, ""
}

// failSyntax reports a syntax error, from start on.
func (f *File) failSyntax(start int, err error) {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		f.fail(start, "", "the file is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		f.fail(len(f.data), "", "the file ends too early: a closing \", ] or } is missing")
	case errors.As(err, &syntax):
		f.failAt(start+int(syntax.Offset)-1, err)
	default:
		f.fail(start, "", "%v", err)
	}
}

// failAt reports that what is at the offset can't be there. Common mistakes have messages of their
// own.
func (f *File) failAt(at int, err error) {
	before := bytes.TrimRight(f.data[:at], space)
	here := f.data[at]
	afterComma := bytes.HasSuffix(before, []byte(","))
	switch after := " after "; {
	case afterComma && (here == '}' || here == ']'):
		f.fail(len(before)-1, "", "nothing follows this comma: the last one before a %c must go",
			here)
	case here == '/' || here == '#':
		f.fail(at, "", "JSON has no comments")
	case here == '\'':
		f.fail(at, "", "texts go between double quotes")
	case here < ' ':
		f.fail(at, "",
			"a text must not go on over the end of a line, nor have tabs in it: write \\n and \\t")
	case strings.Contains(err.Error(), "in string escape code"):
		f.fail(at, "", "no such escape in a text: a backslash itself is written \\\\")
	case strings.Contains(err.Error(), "object key string"):
		f.fail(at, "", "want a key between double quotes")
	case strings.Contains(err.Error(), after) &&
		!strings.Contains(err.Error(), "after top-level value"):
		_, what, _ := strings.Cut(err.Error(), after)
		want := map[string]string{"object key": "a colon", "object key:value pair": "a comma or }",
			"array element": "a comma or ]"}[what]
		f.fail(at, "", "want %s before this", want)
	default:
		f.fail(at, "", "%v", err)
	}
}
