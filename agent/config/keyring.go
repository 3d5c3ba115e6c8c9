package config

import (
	"encoding/base64"
	"errors"
	"fmt"

	"serf/internal/jsonfile"
)

// ParseKeyring reads data, the content of the keyring file called name: a JSON list of base64 keys,
// the primary first, at least one. Errors don't show keys.
func ParseKeyring(name string, data []byte) ([][]byte, error) {
	f := jsonfile.Parse(name, data).Whole()
	root := f.Root().Secret()
	var keys [][]byte
	for item := range root.Items() {
		var text string
		if !item.Read(&text) {
			continue
		}
		key, err := decodeKey(text)
		if err != nil {
			item.Fail("%v", err)
		}
		keys = append(keys, key)
	}
	if f.Err() == nil && len(keys) == 0 {
		root.Fail("contains no keys")
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	return keys, nil
}

// FormatKeyring is the content of a keyring file; the primary key comes first.
func FormatKeyring(keys [][]byte) []byte {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = base64.StdEncoding.EncodeToString(key)
	}
	return indented(texts)
}

// SaveKeyring writes keys, the primary first, to a keyring file.
func SaveKeyring(path string, keys [][]byte) error {
	return save(path, FormatKeyring(keys), func(data []byte) error {
		_, err := ParseKeyring(path, data)
		return err
	})
}

// decodeKey decodes a base64 key for AES-128, -192 or -256. The error doesn't show the key.
func decodeKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil,
			errors.New("not base64; want the base64 of 16, 24 or 32 bytes, as serf keygen prints")
	}
	switch len(key) {
	case 16, 24, 32:
		return key, nil
	}
	return nil, fmt.Errorf("%d bytes decoded, allowed 16, 24 or 32", len(key))
}
