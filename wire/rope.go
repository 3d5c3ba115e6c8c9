package wire

// Rope is a message under construction that shares large parts with others instead of copying them.
// The zero Rope is empty.
type Rope struct {
	// Own is the bytes of this message alone, in order. Callers append to it.
	Own  []byte
	cuts []cut
}

// cut is a shared part, and its offset in Own.
type cut struct {
	at   int
	part []byte
}

// Share appends bytes that nobody may change from now on.
func (r *Rope) Share(part []byte) {
	if len(part) > 0 {
		r.cuts = append(r.cuts, cut{len(r.Own), part})
	}
}

// Join appends the contents of o.
func (r *Rope) Join(o *Rope) {
	at := len(r.Own)
	for _, c := range o.cuts {
		r.cuts = append(r.cuts, cut{at + c.at, c.part})
	}
	r.Own = append(r.Own, o.Own...)
}

// Len is the number of bytes.
func (r *Rope) Len() int {
	n := len(r.Own)
	for _, c := range r.cuts {
		n += len(c.part)
	}
	return n
}

// Pieces returns the message as first followed by each of more. Every shared part is a piece by
// itself and keeps the capacity that Share was given. Own is split where shared parts lie.
func (r *Rope) Pieces() (first []byte, more [][]byte) {
	if len(r.cuts) == 0 {
		return r.Own, nil
	}
	from := r.cuts[0].at
	first = r.Own[:from:from]
	more = make([][]byte, 0, 2*len(r.cuts))
	for i, c := range r.cuts {
		to := len(r.Own)
		if i+1 < len(r.cuts) {
			to = r.cuts[i+1].at
		}
		more = append(more, c.part)
		if from < to {
			more = append(more, r.Own[from:to:to])
		}
		from = to
	}
	return first, more
}

// Flatten returns the pieces as one slice, first itself if there are no more.
func Flatten(first []byte, more [][]byte) []byte {
	if len(more) == 0 {
		return first
	}
	n := len(first)
	for _, p := range more {
		n += len(p)
	}
	b := append(make([]byte, 0, n), first...)
	for _, p := range more {
		b = append(b, p...)
	}
	return b
}
