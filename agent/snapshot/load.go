package snapshot

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// fileMax is the largest file that is read, and the length beyond which nothing is appended. Compaction
// keeps the file of a million members within it, so that a larger one is something else.
const fileMax = 256 << 20

// shownMax is how much of a line that isn't understood is logged.
const shownMax = 64

// content is what was read from a file.
type content struct {
	*state
	size    int64
	torn    bool   // the last line has no newline: it is left out
	left    bool   // the file ends with a leave
	unknown int    // lines that weren't understood
	first   string // of these, cut
	at      int    // its number, from 1
}

// load reads a file. Whatever is in it, there is an error only if it can't be read or is too large.
func load(r io.Reader, rejoin bool) (content, error) {
	c := content{state: newState()}
	in := bufio.NewReaderSize(io.LimitReader(r, fileMax+1), lineMax+2) // one more than the longest line and its newline
	for number := 1; ; number++ {
		line, n, err := readLine(in)
		c.size += n
		switch {
		case c.size > fileMax:
			return c, fmt.Errorf("more than %d bytes: not a snapshot", fileMax)
		case errors.Is(err, io.EOF):
			c.torn = n > 0
			c.left, c.state.left = c.state.left, false
			return c, nil
		case err != nil:
			return c, err
		}
		c.add(line, number, rejoin)
	}
}

// readLine reads a line and returns what fits of it, without its newline, and how long it was with it.
// io.EOF means that it had none.
func readLine(in *bufio.Reader) (line []byte, n int64, err error) {
	line, err = in.ReadSlice('\n')
	n = int64(len(line))
	if err == nil {
		return line[:n-1], n, nil
	}
	if !errors.Is(err, bufio.ErrBufferFull) {
		return nil, n, err
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
	if ok {
		c.state.apply(r, rejoin)
		return
	}
	c.unknown++
	if c.unknown == 1 {
		c.first, c.at = string(line[:min(len(line), shownMax)]), number
	}
}
