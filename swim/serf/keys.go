package serf

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"serf/swim"
	"serf/wire"
)

// InstallKey asks all members to add a key to their keyrings. Like UseKey, RemoveKey and ListKeys it
// is a query: members answer with what ParseKeyAnswer reads, and EventQueryDone ends it.
func (n *Node) InstallKey(now swim.Time, key []byte, relayFactor uint8, out *swim.Output) (swim.OpID, error) {
	return n.askKeys(now, installKeyQuery, key, relayFactor, out)
}

// UseKey asks all members to encrypt with a key that is installed.
func (n *Node) UseKey(now swim.Time, key []byte, relayFactor uint8, out *swim.Output) (swim.OpID, error) {
	return n.askKeys(now, useKeyQuery, key, relayFactor, out)
}

// RemoveKey asks all members to forget a key, which must not be the one in use.
func (n *Node) RemoveKey(now swim.Time, key []byte, relayFactor uint8, out *swim.Output) (swim.OpID, error) {
	return n.askKeys(now, removeKeyQuery, key, relayFactor, out)
}

// ListKeys asks all members for their keys.
func (n *Node) ListKeys(now swim.Time, relayFactor uint8, out *swim.Output) (swim.OpID, error) {
	return n.askKeys(now, listKeysQuery, nil, relayFactor, out)
}

func (n *Node) askKeys(now swim.Time, name string, key []byte, relayFactor uint8, out *swim.Output) (swim.OpID, error) {
	m := wire.KeyRequest{Key: key}
	n.begin(out)
	op, err := n.ask(now, QueryParams{Name: name, Payload: m.Append(nil), RelayFactor: relayFactor}, out)
	n.finish(now, out)
	return op, err
}

// KeyAnswer is what one member answers to a query about keys.
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

// KeyringStore says what becomes of a keyring that was changed.
type KeyringStore uint8

const (
	// StoreReliable: whoever runs the node keeps the keyring without fail, as a simulator does.
	StoreReliable KeyringStore = iota
	// StoreReports: whoever runs the node keeps the keyring, and says by KeyringSaved how that went. Answers about
	// changes wait for it.
	StoreReports
	// StoreNone: nobody keeps the keyring, and answers about changes say so.
	StoreNone
	keyringStores
)

// KeysInMemory is the remark of a member that has done what was asked of its keys, for as long as it runs.
const KeysInMemory = "in memory only: without a keyring file it is lost with a restart"

// unsavedMax bounds the questions that wait for the keyring to be saved. One operator asks one at a time.
const unsavedMax = 64

// answerKeys changes the keyring as a query asks for, and returns the answer; nil if it comes when the keyring is saved.
func (n *Node) answerKeys(q *question, name string, payload []byte, out *swim.Output) []byte {
	n.noteKeysAsked(name, out)
	m := wire.KeyAnswer{Result: true}
	changed, err := n.changeKeys(name, payload)
	if err != nil {
		m.Result, m.Message = false, []byte(err.Error())
		n.count.KeyErrors++
		n.note(out, swim.Note{Level: swim.Error, Code: NoteKeysRefused, Text: name, Err: err})
		return m.Append(nil)
	}
	switch n.cfg.KeyringStore {
	case StoreReports: // also if nothing changed: saving it may have failed the last time, or been undone
		n.tell(swim.Event{Kind: EventKeyring})
		n.awaitSave(q.op)
		return nil
	case StoreNone:
		m.Message = []byte(KeysInMemory)
		n.note(out, swim.Note{Level: swim.Warn, Code: NoteKeysInMemory, Text: name})
	}
	if changed {
		n.tell(swim.Event{Kind: EventKeyring})
	}
	n.note(out, swim.Note{Level: swim.Info, Code: NoteKeysChanged, Text: name})
	return m.Append(nil)
}

// noteKeysAsked tells which query about keys came, in the words that people look for.
func (n *Node) noteKeysAsked(name string, out *swim.Output) {
	n.note(out, swim.Note{Level: swim.Info, Code: NoteKeysAsked, Text: strings.TrimPrefix(name, internalPrefix)})
}

// awaitSave makes a question wait until the keyring is saved. The oldest that does may be over already.
func (n *Node) awaitSave(op swim.OpID) {
	if len(n.unsaved) == unsavedMax {
		n.unsaved = slices.Delete(n.unsaved, 0, 1)
	}
	n.unsaved = append(n.unsaved, op)
}

// KeyringSaved says, after EventKeyring, that keys have been saved, or why not. Who asked for changes is told so. If keys are
// no longer the newest it does nothing: there is another EventKeyring. It may be called again.
func (n *Node) KeyringSaved(now swim.Time, keys *wire.Keyring, err error, out *swim.Output) {
	if s := n.swim.Sealer(); s == nil || s.Keys != keys {
		return
	}
	m := wire.KeyAnswer{Result: err == nil}
	if err != nil {
		m.Message = fmt.Appendf(nil, "changed, but in memory only, as the keyring can't be saved: %.*s", reasonMax, err.Error())
		n.count.KeyErrors += uint64(len(n.unsaved))
	}
	n.begin(out)
	for _, op := range n.unsaved {
		if q := n.question(now, op); q != nil {
			if err := n.answer(now, q, m.Append(nil), out); err != nil {
				n.refuse(q.to, err, out)
			}
		}
	}
	if err == nil && len(n.unsaved) > 0 {
		n.note(out, swim.Note{Level: swim.Info, Code: NoteKeysSaved})
	}
	n.unsaved = n.unsaved[:0]
	n.asked.limitKept()
	n.finish(now, out)
}

// reasonMax is how much of a reason an answer has, in runes: the smallest answers that may be configured leave less.
const reasonMax = 200

// changeKeys changes the keyring, if it isn't as asked for already: packets are sealed with the new one from now on.
func (n *Node) changeKeys(name string, payload []byte) (changed bool, err error) {
	if len(payload) == 0 || wire.SerfType(payload[0]) != wire.SerfKeyRequest {
		return false, wire.ErrType
	}
	req, err := wire.ParseKeyRequest(payload[1:])
	if err != nil {
		return false, err
	}
	old := n.swim.Sealer()
	if old == nil || old.Keys == nil {
		return false, ErrNotEncrypted
	}
	change := old.Keys.Install
	switch name {
	case useKeyQuery:
		change = old.Keys.Use
	case removeKeyQuery:
		change = old.Keys.Remove
	}
	keys, err := change(req.Key)
	if err != nil || keys == old.Keys {
		return false, err
	}
	sealer := *old
	sealer.Keys = keys
	n.swim.SetSealer(&sealer)
	return true, nil
}

// listKeys returns an answer with as many of this node's keys as fit into one.
func (n *Node) listKeys(q *question, out *swim.Output) []byte {
	n.noteKeysAsked(listKeysQuery, out)
	s := n.swim.Sealer()
	if s == nil || s.Keys == nil {
		n.note(out, swim.Note{Level: swim.Error, Code: NoteKeysRefused, Text: listKeysQuery, Err: ErrNotEncrypted})
		m := wire.KeyAnswer{Message: []byte(ErrNotEncrypted.Error())}
		return m.Append(nil)
	}
	var keys []string
	for _, k := range s.Keys.Keys() {
		keys = append(keys, base64.StdEncoding.EncodeToString(k))
	}
	m := wire.KeyAnswer{Result: true, PrimaryKey: []byte(keys[0])}
	for shown := len(keys); ; shown-- {
		m.Keys = wire.NewList(keys[:shown]...)
		if shown < len(keys) {
			m.Message = fmt.Appendf(nil, "truncated key list response, showing first %d of %d keys", shown, len(keys))
		}
		answer := m.Append(nil)
		r := wire.QueryResponse{From: []byte(n.cfg.Name), ID: q.id, LTime: uint64(q.time), Payload: answer}
		if len(r.Append(nil)) <= n.cfg.QueryResponseSizeMax || shown == 0 {
			if shown < len(keys) {
				n.note(out, swim.Note{Level: swim.Warn, Code: NoteKeysTruncated, N: int64(shown)})
			}
			return answer
		}
	}
}
