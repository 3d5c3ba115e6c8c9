package config

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// ParseKeyring reads a keyring file: a JSON list of base64 keys, the primary
// first, at least one. Errors don't show keys.
func ParseKeyring(data []byte) ([][]byte, error) {
	var texts []string
	if err := json.Unmarshal(data, &texts); err != nil {
		return nil, errors.New("want a JSON list of base64 keys")
	}
	if len(texts) == 0 {
		return nil, errors.New("has no keys")
	}
	keys := make([][]byte, len(texts))
	for i, text := range texts {
		key, err := decodeKey(text)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		keys[i] = key
	}
	return keys, nil
}

// FormatKeyring is the content of a keyring file; the primary key comes first.
func FormatKeyring(keys [][]byte) []byte {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = base64.StdEncoding.EncodeToString(key)
	}
	data, err := json.MarshalIndent(texts, "", "  ")
	if err != nil {
		panic("BUG: keys don't marshal: " + err.Error())
	}
	return append(data, '\n')
}

// decodeKey decodes a base64 key for AES-128, -192 or -256. The error doesn't show the key.
func decodeKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("not base64; want the base64 of 16, 24 or 32 bytes, as serf keygen prints")
	}
	switch len(key) {
	case 16, 24, 32:
		return key, nil
	}
	return nil, fmt.Errorf("%d bytes decoded, allowed 16, 24 or 32", len(key))
}
