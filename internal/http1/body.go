package http1

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
)

// exactly reads a body whose length is known. The connection's end before that is an error.
type exactly struct {
	r    *bufio.Reader
	left int
}

func (e *exactly) Read(p []byte) (n int, err error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err = e.r.Read(p[:min(len(p), e.left)])
	if e.left -= n; err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// chunks reads a body that comes in chunks. What a client adds to them is skipped.
type chunks struct {
	r     *bufio.Reader
	left  uint64 // of the chunk
	begun bool   // a chunk, whose end has to be checked
	err   error  // io.EOF after the last
}

func (c *chunks) Read(p []byte) (n int, err error) {
	for c.err == nil && c.left == 0 {
		c.err = c.next()
	}
	if c.err != nil {
		return 0, c.err
	}
	n, c.err = c.r.Read(p[:min(uint64(len(p)), c.left)])
	c.left -= uint64(n)
	if c.err == io.EOF {
		c.err = io.ErrUnexpectedEOF
	}
	return n, c.err
}

// next begins the next chunk. It returns io.EOF after the last one.
func (c *chunks) next() error {
	if c.begun {
		if rest, err := c.line(); err != nil || len(rest) > 0 {
			return broken(err)
		}
	}
	c.begun = true
	line, err := c.line()
	if err != nil {
		return broken(err)
	}
	digits, _, _ := bytes.Cut(line, []byte(";"))
	digits = bytes.TrimRight(digits, " \t")
	if c.left, err = strconv.ParseUint(string(digits), 16, 63); err != nil || c.left > 0 {
		return err
	}
	for range fieldsMax { // after the last chunk there may be fields
		if line, err = c.line(); err != nil {
			return broken(err)
		}
		if len(line) == 0 {
			return io.EOF
		}
		if name, _, ok := bytes.Cut(line, []byte(":")); !ok || !isToken(string(name)) {
			return errRequest
		}
	}
	return errFields
}

// line reads a line that ends with CR LF. Another CR or LF may be the end of a line for others.
func (c *chunks) line() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || bytes.IndexByte(line, '\r') >= 0 {
		return nil, errRequest
	}
	return line, nil
}

// broken is the error of a body that breaks off, or isn't one.
func broken(err error) error {
	switch err {
	case nil:
		return errRequest
	case io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}
