package server

import (
	"iter"
	"maps"
	"reflect"
	"slices"

	"serf/agent/rpc/internal/protocol"
	"serf/internal/msgpack"
	"serf/swim/serf"
)

// Lists of members are the only large answers: 2 MB for 10,000 members. So they are written without
// reflection, and sent in pieces while they are written.

// memberPieces yields the answer to a request for members, in pieces of about pieceSize bytes. Each
// is valid until the next.
func memberPieces(seq uint64, members []*serf.Member) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		w := tagWriter{written: make(map[uintptr][]byte)}
		b := protocol.Append(nil, &protocol.ResponseHeader{Seq: seq})
		b = msgpack.AppendKey(msgpack.AppendMap(b, 1), "Members")
		b = msgpack.AppendArray(b, len(members))
		for _, m := range members {
			b = w.append(appendMember(b, m), m.Tags)
			if len(b) >= pieceSize {
				if !yield(b) {
					return
				}
				b = b[:0]
			}
		}
		yield(b)
	}
}

// pieceSize is the size in bytes of the pieces of a long answer: what a client has writeTimeout to
// read.
const pieceSize = writeStep

// memberList is the members of an event.
type memberList []serf.Member

// AppendTo implements protocol.Appender.
func (l memberList) AppendTo(b []byte) []byte {
	w := tagWriter{written: make(map[uintptr][]byte)}
	b = msgpack.AppendArray(b, len(l))
	for i := range l {
		b = w.append(appendMember(b, &l[i]), l[i].Tags)
	}
	return b
}

// appendMember appends a member without the value of the last field, its tags.
func appendMember(b []byte, m *serf.Member) []byte {
	const fields = 11
	v := &m.Versions
	b = msgpack.AppendMap(b, fields)
	b = msgpack.AppendBinary(msgpack.AppendKey(b, "Addr"), m.Addr.Addr().AsSlice())
	b = msgpack.UintField(b, "DelegateCur", uint64(v[5]))
	b = msgpack.UintField(b, "DelegateMax", uint64(v[4]))
	b = msgpack.UintField(b, "DelegateMin", uint64(v[3]))
	b = msgpack.AppendString(msgpack.AppendKey(b, "Name"), m.Name)
	b = msgpack.UintField(b, "Port", uint64(m.Addr.Port()))
	b = msgpack.UintField(b, "ProtocolCur", uint64(v[2]))
	b = msgpack.UintField(b, "ProtocolMax", uint64(v[1]))
	b = msgpack.UintField(b, "ProtocolMin", uint64(v[0]))
	b = msgpack.AppendString(msgpack.AppendKey(b, "Status"), m.Status.String())
	return msgpack.AppendKey(b, "Tags")
}

// tagSetsMax bounds the sets of tags whose encoding is remembered while a list is written: most
// members share a few.
const tagSetsMax = 256

// tagWriter writes the tags of one list. Members share maps of tags: each is encoded once.
type tagWriter struct {
	written map[uintptr][]byte // by map, which the list keeps alive
	keys    []string
}

func (w *tagWriter) append(b []byte, tags map[string]string) []byte {
	id := reflect.ValueOf(tags).Pointer()
	if done, ok := w.written[id]; ok {
		return append(b, done...)
	}
	begin := len(b)
	b = w.appendSorted(b, tags)
	if len(w.written) < tagSetsMax {
		w.written[id] = slices.Clone(b[begin:])
	}
	return b
}

// appendSorted appends tags in the order of their keys, and an empty map if there are none.
func (w *tagWriter) appendSorted(b []byte, tags map[string]string) []byte {
	w.keys = slices.AppendSeq(w.keys[:0], maps.Keys(tags))
	slices.Sort(w.keys)
	b = msgpack.AppendMap(b, len(tags))
	for _, key := range w.keys {
		b = msgpack.AppendString(msgpack.AppendString(b, key), tags[key])
	}
	return b
}
