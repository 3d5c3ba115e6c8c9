package serf

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"serf/swim"
	"serf/wire"
)

// KeyCommand is what members are asked to do about keys. Its text is the name of the query, without
// the prefix that Serf reserves.
type KeyCommand string

const (
	// InstallKey: add the key to the keyring.
	InstallKey KeyCommand = "install-key"
	// UseKey: encrypt with the key, which must be installed.
	UseKey KeyCommand = "use-key"
	// RemoveKey: remove the key, which must not be the one in use.
	RemoveKey KeyCommand = "remove-key"
	// ListKeys: say which keys are installed. There is no key to give.
	ListKeys KeyCommand = "list-keys"
)

// KeyRequest is what all members are asked to do about keys.
type KeyRequest struct {
	Command     KeyCommand
	Key         []byte // 16, 24 or 32 bytes; none for ListKeys
	RelayFactor uint8  // as in QueryParams, as is Timeout
	Timeout     time.Duration
}

// Keys asks all members to do something about keys. It is a query: ParseKeyAnswer reads the
// payloads of its responses, and EventQueryDone ends it.
func (n *Node) Keys(now swim.Time, r KeyRequest, out *swim.Output) (swim.OpID, error) {
	m := wire.KeyRequest{Key: r.Key}
	n.call.begin(out)
	p := QueryParams{Name: internalPrefix + string(r.Command), Payload: m.Append(nil),
		RelayFactor: r.RelayFactor, Timeout: r.Timeout}
	op, err := n.startQuery(now, p, out)
	n.finish(now, out)
	return op, err
}

// KeyAnswer is one member's answer to a query about keys.
type KeyAnswer struct {
	OK      bool
	Message string   // why not OK, or a remark
	Keys    []string // base64; of ListKeys
	Primary string   // base64; of ListKeys
}

// ParseKeyAnswer reads the Data of an EventQueryResponse to a query about keys.
func ParseKeyAnswer(data []byte) (KeyAnswer, error) {
	if len(data) == 0 || wire.SerfType(data[0]) != wire.SerfKeyAnswer {
		return KeyAnswer{}, wire.ErrType
	}
	m, err := wire.ParseKeyAnswer(data[1:])
	if err != nil {
		return KeyAnswer{}, err
	}
	a := KeyAnswer{OK: m.Result, Message: string(m.Message), Primary: string(m.PrimaryKey)}
	for it := m.Keys.Iter(); it.Next(); {
		a.Keys = append(a.Keys, string(it.Elem))
	}
	return a, nil
}

// KeyringStore says how the driver persists a keyring that was changed.
type KeyringStore uint8

const (
	// StoreReliable: the driver keeps the keyring without fail, as a simulator does.
	StoreReliable KeyringStore = iota
	// StoreReports: the driver saves the keyring and reports the result to KeyringSaved. Responses
	// about changes wait for it.
	StoreReports
	// StoreNone: nobody saves the keyring, and responses about changes say so.
	StoreNone
	keyringStores
)

// KeysInMemory is the Message of a member whose keys changed only for as long as it runs.
const KeysInMemory = "in memory only: without a keyring file it is lost with a restart"

// unsavedMax bounds the queries that wait for the keyring to be saved. An operator asks one at a
// time.
const unsavedMax = 64

// answerKeys changes the keyring as a query asks, and returns the answer; nil if it has to wait
// until the keyring is saved.
func (n *Node) answerKeys(q *inboundQuery, name string, payload []byte, out *swim.Output) []byte {
	n.noteKeysAsked(name, out)
	m := wire.KeyAnswer{Result: true}
	changed, err := n.changeKeys(name, payload)
	if err != nil {
		m.Result, m.Message = false, []byte(err.Error())
		n.count.KeyErrors++
		n.note(out, swim.Error, NoteKeysRefused, swim.Note{Text: name, Err: err})
		return m.Append(nil)
	}
	switch n.cfg.KeyringStore {
	case StoreReports: // even if nothing changed: the last save may have failed, or been undone
		n.call.emit(swim.Event{Kind: EventKeyring})
		n.inbound.awaitSave(q.op)
		return nil
	case StoreNone:
		m.Message = []byte(KeysInMemory)
		n.note(out, swim.Warn, NoteKeysInMemory, swim.Note{Text: name})
	}
	if changed {
		n.call.emit(swim.Event{Kind: EventKeyring})
	}
	n.note(out, swim.Info, NoteKeysChanged, swim.Note{Text: name})
	return m.Append(nil)
}

// noteKeysAsked notes a query about keys by the name that people look for in logs.
func (n *Node) noteKeysAsked(name string, out *swim.Output) {
	n.note(out, swim.Info, NoteKeysAsked, swim.Note{Text: strings.TrimPrefix(name, internalPrefix)})
}

// awaitSave makes an inbound query wait until the keyring is saved. At the limit the oldest, which
// may be over already, is dropped.
func (a *inboundQueries) awaitSave(op swim.OpID) {
	if len(a.unsaved) == unsavedMax {
		a.unsaved = slices.Delete(a.unsaved, 0, 1)
	}
	a.unsaved = append(a.unsaved, op)
}

// KeyringSaved reports, after EventKeyring, that keys were saved, or why not. The queries that wait
// are answered. If keys aren't the newest any more it does nothing: another EventKeyring is under
// way. It may be called again.
func (n *Node) KeyringSaved(now swim.Time, keys *wire.Keyring, err error, out *swim.Output) {
	if current := n.keyring(); current == nil || current != keys {
		return
	}
	m := wire.KeyAnswer{Result: err == nil}
	if err != nil {
		m.Message = fmt.Appendf(nil,
			"changed, but in memory only, as the keyring can't be saved: %.*s",
			reasonMax, err.Error())
	}
	n.answerUnsaved(now, &m, out)
}

// answerUnsaved answers the queries that wait for the keyring to be saved.
func (n *Node) answerUnsaved(now swim.Time, m *wire.KeyAnswer, out *swim.Output) {
	n.call.begin(out)
	for _, op := range n.inbound.unsaved {
		if q := n.inboundQuery(now, op); q != nil {
			if err := n.respond(now, q, m.Append(nil), out); err != nil {
				n.noteUnsent(q, err, out)
			}
		}
	}
	if !m.Result {
		n.count.KeyErrors += uint64(len(n.inbound.unsaved))
	} else if len(n.inbound.unsaved) > 0 {
		n.note(out, swim.Info, NoteKeysSaved, swim.Note{})
	}
	n.inbound.unsaved = n.inbound.unsaved[:0]
	n.inbound.limitKeptResponses()
	n.finish(now, out)
}

// reasonMax bounds the text of an error in an answer, in runes.
const reasonMax = 200

// changeKeys changes the keyring unless it is as asked already. Packets are sealed with the new one
// from now on.
func (n *Node) changeKeys(name string, payload []byte) (changed bool, err error) {
	if len(payload) == 0 || wire.SerfType(payload[0]) != wire.SerfKeyRequest {
		return false, wire.ErrType
	}
	req, err := wire.ParseKeyRequest(payload[1:])
	if err != nil {
		return false, err
	}
	old := n.keyring()
	if old == nil {
		return false, ErrNotEncrypted
	}
	change := old.Install
	switch name {
	case useKeyQuery:
		change = old.Use
	case removeKeyQuery:
		change = old.Remove
	}
	keys, err := change(req.Key)
	if err != nil || keys == old {
		return false, err
	}
	n.useKeyring(keys)
	return true, nil
}

// SetKeyring changes the keys of this node alone, for what is sent and received from now on. Nil
// means plain text. Keys that are still to be saved won't be: who asked for them is told so.
func (n *Node) SetKeyring(now swim.Time, keys *wire.Keyring, out *swim.Output) {
	n.answerUnsaved(now, &wire.KeyAnswer{Message: []byte(keysReplaced)}, out)
	n.useKeyring(keys)
}

// keysReplaced is the Message of a member whose program replaced the keys before they were saved.
const keysReplaced = "not saved: the program has replaced the keys of this member"

func (n *Node) useKeyring(keys *wire.Keyring) {
	var sealer wire.Sealer
	if s := n.swim.Sealer(); s != nil {
		sealer = *s
	}
	sealer.Keys = keys
	n.swim.SetSealer(&sealer)
}

// listKeys returns an answer with as many of this node's keys as fit into a response.
func (n *Node) listKeys(q *inboundQuery, out *swim.Output) []byte {
	n.noteKeysAsked(listKeysQuery, out)
	keyring := n.keyring()
	if keyring == nil {
		err := ErrNotEncrypted
		n.note(out, swim.Error, NoteKeysRefused, swim.Note{Text: listKeysQuery, Err: err})
		m := wire.KeyAnswer{Message: []byte(err.Error())}
		return m.Append(nil)
	}
	var keys []string
	for _, k := range keyring.Keys() {
		keys = append(keys, base64.StdEncoding.EncodeToString(k))
	}
	m := wire.KeyAnswer{Result: true, PrimaryKey: []byte(keys[0])}
	for shown := len(keys); ; shown-- {
		m.Keys = wire.NewList(keys[:shown]...)
		if shown < len(keys) {
			m.Message = fmt.Appendf(nil, "truncated key list response, showing first %d of %d keys",
				shown, len(keys))
		}
		answer := m.Append(nil)
		r := n.newReply(q)
		r.Payload = answer
		if len(r.Append(nil)) <= n.cfg.QueryResponseSizeMax || shown == 0 {
			if shown < len(keys) {
				n.note(out, swim.Warn, NoteKeysTruncated, swim.Note{N: int64(shown)})
			}
			return answer
		}
	}
}
