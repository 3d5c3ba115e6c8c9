package snapshot

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// fileMax is the largest file that is read, and the length beyond which nothing is appended.
// Compaction keeps the file of a million members within it, so that a larger one is something else.
const fileMax = 256 << 20

// content is what was read from a file.
type content struct {
	*state
	size    int64
	torn    bool // the last line has no newline: it is left out
	left    bool // the file ends with a leave
	unknown int  // lines that weren't understood
	at      int  // its number, from 1

	known    int // lines that say something
	comments int
	alien    int // lines that were never one of a snapshot's, nor the beginning of one
}

// foreign says that this is somebody else's file, which mustn't be rewritten: nothing in it, or
// less than half, says anything here. A snapshot of which a crash left little has no other lines,
// or bytes of zero.
func (c *content) foreign() error {
	if c.alien > c.known || c.known == 0 && c.comments > 0 {
		return fmt.Errorf("not a snapshot: of its lines %d are, %d aren't; "+
			"give it a file of its own, which may be a new one", c.known, c.alien+c.comments)
	}
	return nil
}

// load reads a file. Whatever is in it, there is an error only if it can't be read or is too large.
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

// plain takes off what editors, of Windows above all, put around a line.
func plain(line []byte, number int) []byte {
	if number == 1 {
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	return bytes.TrimSuffix(line, []byte{'\r'})
}

// beginsLine says whether a line that was cut off may be one of a snapshot's. A loss of power may
// leave zeros in its place.
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

// readLine reads a line and returns what fits of it, without its newline, and how long it was with
// it. io.EOF means that it had none.
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
