package handler

// outputMax is how much of a script's output is kept: the end, where the result or the
// error is. It limits memory, and a query's answer is smaller by far.
const outputMax = 8 << 10

// tail keeps the last outputMax bytes written to it.
type tail struct {
	buf   []byte
	total int64 // bytes written in all
}

// Write cannot fail.
func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	t.total += int64(n)
	p = p[max(0, n-outputMax):]
	if over := len(t.buf) + len(p) - outputMax; over > 0 {
		t.buf = t.buf[:copy(t.buf, t.buf[over:])]
	}
	t.buf = append(t.buf, p...)
	return n, nil
}
