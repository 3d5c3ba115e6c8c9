package snapshot

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// fileMax is the size of the largest file that is read, in bytes, and the size beyond which nothing
// is appended. Compaction keeps the file of a million members below it, so a larger file is
// something else.
const fileMax = 256 << 20

// content is what was read from a file.
type content struct {
	*state
	size    int64
	torn    bool // the last line has no newline: it is left out
	left    bool // the file ends with a leave
	unknown int  // lines that weren't understood
	at      int  // the number of the first of them, from 1

	known    int // lines with a meaning
	comments int
	alien    int // lines that neither are nor begin like those of a snapshot
}

// foreign returns an error if this is another program's file, which must not be rewritten: nothing
// in it, or less than half, makes sense as a snapshot. A snapshot of which a crash left little has
// no other lines, or bytes of zero.
func (c *content) foreign() error {
	if c.alien > c.known || c.known == 0 && c.comments > 0 {
		return fmt.Errorf("not a snapshot: %d of its %d lines aren't those of one; "+
			"give it a file of its own, which needn't exist", c.alien+c.comments,
			c.known+c.alien+c.comments)
	}
	return nil
}

// load reads a file. Whatever its content, there is an error only if it can't be read or is too
// large.
func load(r io.Reader, rejoin bool) (content, error) {
	c := content{state: newState()}
	const room = lineMax + 2 // one more than the longest line and its newline
	in := bufio.NewReaderSize(io.LimitReader(r, fileMax+1), room)
	for number := 1; ; number++ {
		line, n, err := readLine(in)
		c.size += n
		switch {
		case c.size > fileMax:
			return c, fmt.Errorf("more than %d bytes: not a snapshot", fileMax)
		case errors.Is(err, io.EOF):
			c.torn = n > 0
			if !beginsLine(plain(line, number)) {
				c.alien++
			}
			c.left, c.state.left = c.state.left, false
			return c, nil
		case err != nil:
			return c, err
		}
		c.add(plain(line, number), number, rejoin)
	}
}

// plain strips what editors, Windows ones above all, add around a line.
func plain(line []byte, number int) []byte {
	if number == 1 {
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	return bytes.TrimSuffix(line, []byte{'\r'})
}

// beginsLine reports whether a line that was cut off may be from a snapshot. A power loss may leave
// zeros in its place.
func beginsLine(line []byte) bool {
	text := string(bytes.TrimRight(line, "\x00"))
	for _, key := range []string{keyAlive, keyNotAlive, keyClock, keyEventClock, keyQueryClock,
		keyCoordinate, lineLeave, "#"} {
		if strings.HasPrefix(key, text) || strings.HasPrefix(text, key) {
			return true
		}
	}
	return false
}

// readLine reads a line. It returns as much of it as fits, without its newline, and its length with
// the newline. io.EOF means that it had no newline.
func readLine(in *bufio.Reader) (line []byte, n int64, err error) {
	line, err = in.ReadSlice('\n')
	n = int64(len(line))
	if err == nil {
		return line[:n-1], n, nil
	}
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, n, err
	}
	line = append([]byte(nil), line...) // the buffer is overwritten below
	for errors.Is(err, bufio.ErrBufferFull) {
		var more []byte
		more, err = in.ReadSlice('\n')
		n += int64(len(more))
	}
	return line, n, err
}

func (c *content) add(line []byte, number int, rejoin bool) {
	r, ok := parseLine(string(line))
	switch {
	case ok && r.key == "" && bytes.HasPrefix(line, []byte("#")):
		c.comments++
	case ok:
		c.known++
	case len(bytes.Trim(line, "\x00 \t")) > 0:
		c.alien++
	}
	if ok {
		c.state.apply(r, rejoin)
		return
	}
	c.unknown++
	if c.unknown == 1 {
		c.at = number
	}
}
