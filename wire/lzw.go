package wire

// LZW as compress/lzw writes and reads it with LSB order and literals of 8 bits, which is what the
// protocol uses. This implementation appends to buffers, keeps its tables from packet to packet
// without clearing them, and stops at limits.
const (
	lzwClear    = 256 // code that empties the table
	lzwEOF      = 257 // code that ends the data
	lzwMinWidth = 9   // bits of a code at first
	lzwMaxWidth = 12
	lzwMaxCode  = 1<<lzwMaxWidth - 1

	lzwTableBits = 13 // twice the number of codes: half empty at worst
	lzwTableMask = 1<<lzwTableBits - 1
)

// lzwEncoder compresses one input at a time. The zero value is ready to use, any number of times.
type lzwEncoder struct {
	// table maps (code, byte) to the code of both, by open addressing. An entry is generation << 32
	// | code << 20 | byte << 12 | code of both. Entries of past generations count as empty, so
	// starting over costs nothing.
	table [1 << lzwTableBits]uint64
	gen   uint32

	dst   []byte
	bits  uint64
	nBits uint
	width uint
	last  uint32 // the code of the latest entry
}

// encode appends src, compressed, to dst. It gives up and returns false when that takes more than
// limit bytes.
func (e *lzwEncoder) encode(dst, src []byte, limit int) ([]byte, bool) {
	start := len(dst)
	e.dst, e.bits, e.nBits, e.width = dst, 0, 0, lzwMinWidth
	e.restart()
	e.write(lzwClear)
	if len(src) > 0 {
		code := uint32(src[0])
		for _, x := range src[1:] {
			known, slot := e.find(code, x)
			if slot < 0 {
				code = known
				continue
			}
			e.write(code)
			e.learn(slot, code, x)
			code = uint32(x)
			if len(e.dst)-start > limit {
				break
			}
		}
		e.write(code)
		e.advance()
	}
	e.write(lzwEOF)
	if e.nBits > 0 {
		e.dst = append(e.dst, byte(e.bits))
	}
	out := e.dst
	e.dst = nil // the caller's: don't keep it alive
	return out, len(out)-start <= limit
}

// find returns the code of (code, x), or the slot for it if it has none.
func (e *lzwEncoder) find(code uint32, x byte) (known uint32, slot int) {
	key := uint64(e.gen)<<20 | uint64(code)<<8 | uint64(x)
	h := (code<<8 | uint32(x)) * 0x9e3779b1 >> (32 - lzwTableBits)
	for {
		t := e.table[h]
		if t>>12 == key {
			return uint32(t) & lzwMaxCode, -1
		}
		if uint32(t>>32) != e.gen {
			return 0, int(h)
		}
		h = (h + 1) & lzwTableMask
	}
}

// learn enters (code, x) unless the table is full: then it empties the table.
func (e *lzwEncoder) learn(slot int, code uint32, x byte) {
	if e.advance() {
		e.table[slot] = uint64(e.gen)<<32 | uint64(code)<<20 | uint64(x)<<12 | uint64(e.last)
	}
}

// advance counts the entry that the reader makes now. It returns false if the table was full, and
// is now empty.
func (e *lzwEncoder) advance() bool {
	e.last++
	if e.last == 1<<e.width {
		e.width++
	}
	if e.last == lzwMaxCode {
		e.write(lzwClear)
		e.restart()
		return false
	}
	return true
}

func (e *lzwEncoder) restart() {
	e.width, e.last = lzwMinWidth, lzwEOF
	if e.gen++; e.gen == 0 {
		clear(e.table[:]) // entries of 2^32 generations ago would look new
		e.gen = 1
	}
}

func (e *lzwEncoder) write(code uint32) {
	e.bits |= uint64(code) << e.nBits
	e.nBits += e.width
	for e.nBits >= 8 {
		e.dst = append(e.dst, byte(e.bits))
		e.bits >>= 8
		e.nBits -= 8
	}
}

// lzwDecoder decompresses. start begins an input, and decode may be called repeatedly to produce
// its output in steps.
type lzwDecoder struct {
	// Each code stands for a stretch of the output so far. Codes from lzwEOF+1 up to next are
	// valid; the others are left over from earlier inputs and never read.
	code [lzwMaxCode + 1]stretch

	src   []byte
	bits  uint64
	nBits uint
	width uint
	next  uint    // the code that the next entry gets
	last  stretch // of the last code; empty after a clear
}

type stretch struct {
	off uint32
	len uint32
}

func (d *lzwDecoder) start(src []byte) {
	d.src, d.bits, d.nBits = src, 0, 0
	d.restart()
}

func (d *lzwDecoder) restart() {
	d.width, d.next, d.last = lzwMinWidth, lzwEOF, stretch{}
}

// decode appends output to dst, which must hold exactly the output so far. It returns when dst has
// at least soft bytes, or when the output is complete (done). The error is ErrLimit if the output
// exceeds hard bytes, which must be below 4 GiB; no more than that is produced.
func (d *lzwDecoder) decode(dst []byte, soft, hard int) (out []byte, done bool, err error) {
	for len(dst) < soft {
		code, ok := d.read()
		if !ok {
			return dst, false, ErrCompress
		}
		if code == lzwClear {
			d.restart()
			continue
		}
		if code == lzwEOF {
			d.src = nil
			return dst, true, nil
		}
		s, ok := d.meaning(code)
		if !ok {
			return dst, false, ErrCompress
		}
		at := uint32(len(dst))
		if code < lzwClear {
			s = stretch{at, 1}
		}
		if len(dst)+int(s.len) > hard {
			return dst, false, ErrLimit
		}
		switch {
		case code < lzwClear:
			dst = append(dst, byte(code))
		case s.off+s.len <= at:
			dst = append(dst, dst[s.off:s.off+s.len]...)
		default: // it ends with its own first byte, which isn't written yet
			dst = append(dst, dst[s.off:at]...)
			dst = append(dst, dst[at])
		}
		d.learn(stretch{at, s.len})
	}
	return dst, false, nil
}

// meaning returns the stretch that a code above lzwEOF repeats. The only code that isn't entered
// yet stands for the last stretch and one more byte.
func (d *lzwDecoder) meaning(code uint) (stretch, bool) {
	switch {
	case code < lzwClear:
		return stretch{}, true
	case code == d.next && d.last.len > 0:
		return stretch{d.last.off, d.last.len + 1}, true
	case code < d.next || code == d.next && d.next == lzwMaxCode:
		return d.code[code], true
	}
	return stretch{}, false
}

// learn enters the last stretch with the byte after it, and makes now the last.
func (d *lzwDecoder) learn(now stretch) {
	if d.last.len > 0 {
		d.code[d.next] = stretch{d.last.off, d.last.len + 1}
	}
	d.last = now
	if d.next < lzwMaxCode {
		d.next++
		if d.next == 1<<d.width {
			d.width++
		}
		return
	}
	d.last = stretch{} // the table is full: only a clear changes it
}

func (d *lzwDecoder) read() (code uint, ok bool) {
	for d.nBits < d.width {
		if len(d.src) == 0 {
			return 0, false
		}
		d.bits |= uint64(d.src[0]) << d.nBits
		d.src = d.src[1:]
		d.nBits += 8
	}
	code = uint(d.bits & (1<<d.width - 1))
	d.bits >>= d.width
	d.nBits -= d.width
	return code, true
}
