package serf

import (
	"context"
	"encoding/base64"
	"sync"

	core "serf/swim/serf"
)

// KeyManager changes the keys of all members at once. Keys are texts in base64, as files of keys
// have them.
type KeyManager struct {
	serf *Serf
	mu   sync.RWMutex // changes come one at a time
}

// KeyManager returns the manager of the cluster's keys.
func (s *Serf) KeyManager() *KeyManager { return s.keyManager }

// KeyRequestOptions are what an operation on keys can be given besides the key. A nil pointer means
// the defaults.
type KeyRequestOptions struct {
	// RelayFactor is as in QueryParam.
	RelayFactor uint8
}

// KeyResponse sums up what the members answered.
type KeyResponse struct {
	Messages map[string]string // by member: what went wrong, or a remark
	NumNodes int               // members asked
	NumResp  int               // members that answered
	NumErr   int               // members that refused

	Keys        map[string]int // by key, for ListKeys: how many members have it
	PrimaryKeys map[string]int // by key, for ListKeys: how many members encrypt with it
}

// InstallKey gives all members a key to decrypt with. The response is valid even with an error,
// which says how many members didn't do it.
func (k *KeyManager) InstallKey(key string) (*KeyResponse, error) {
	return k.InstallKeyWithOptions(key, nil)
}

// InstallKeyWithOptions is InstallKey with options.
func (k *KeyManager) InstallKeyWithOptions(
	key string, opts *KeyRequestOptions,
) (*KeyResponse, error) {
	return k.change(core.InstallKey, key, opts)
}

// UseKey makes a key that is installed the one that all members encrypt with.
func (k *KeyManager) UseKey(key string) (*KeyResponse, error) {
	return k.UseKeyWithOptions(key, nil)
}

// UseKeyWithOptions is UseKey with options.
func (k *KeyManager) UseKeyWithOptions(key string, opts *KeyRequestOptions) (*KeyResponse, error) {
	return k.change(core.UseKey, key, opts)
}

// RemoveKey removes a key that members don't encrypt with.
func (k *KeyManager) RemoveKey(key string) (*KeyResponse, error) {
	return k.RemoveKeyWithOptions(key, nil)
}

// RemoveKeyWithOptions is RemoveKey with options.
func (k *KeyManager) RemoveKeyWithOptions(
	key string, opts *KeyRequestOptions,
) (*KeyResponse, error) {
	return k.change(core.RemoveKey, key, opts)
}

// ListKeys asks all members which keys they have.
func (k *KeyManager) ListKeys() (*KeyResponse, error) { return k.ListKeysWithOptions(nil) }

// ListKeysWithOptions is ListKeys with options.
func (k *KeyManager) ListKeysWithOptions(opts *KeyRequestOptions) (*KeyResponse, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.ask(core.ListKeys, "", opts)
}

func (k *KeyManager) change(
	c core.KeyCommand, key string, opts *KeyRequestOptions,
) (*KeyResponse, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ask(c, key, opts)
}

func (k *KeyManager) ask(
	c core.KeyCommand, key string, opts *KeyRequestOptions,
) (*KeyResponse, error) {
	request := core.KeyRequest{Command: c, Timeout: k.serf.DefaultQueryTimeout()}
	if opts != nil {
		request.RelayFactor = opts.RelayFactor
	}
	var err error
	if request.Key, err = base64.StdEncoding.DecodeString(key); err != nil {
		return &KeyResponse{Messages: make(map[string]string), Keys: make(map[string]int),
			PrimaryKeys: make(map[string]int)}, err
	}
	r, err := k.serf.agent.Keys(context.Background(), request)
	return &KeyResponse{Messages: r.Messages, NumNodes: r.NumNodes, NumResp: r.NumResp,
		NumErr: r.NumErr, Keys: r.Keys, PrimaryKeys: r.Primary}, err
}
