package config

import (
	"maps"

	"serf/internal/jsonfile"
)

// ParseTags reads data, the content of the tags file called name: a JSON object of texts.
func ParseTags(name string, data []byte) (map[string]string, error) {
	f := jsonfile.Parse(name, data).Whole()
	var tags map[string]string
	f.Root().Read(&tags)
	return tags, f.Err()
}

// FormatTags is the content of a tags file.
func FormatTags(tags map[string]string) []byte {
	if tags == nil {
		tags = map[string]string{}
	}
	return indented(tags) // in the order of the keys
}

// SaveTags writes tags to a tags file.
func SaveTags(path string, tags map[string]string) error {
	return save(path, FormatTags(tags), func(data []byte) error {
		_, err := ParseTags(path, data)
		return err
	})
}

// MergeTags returns the tags after a reload: it takes over what the configuration changed from base
// to next, except for tags that were set or deleted at run time, so that current differs from base.
func MergeTags(base, current, next map[string]string) map[string]string {
	merged := maps.Clone(current)
	if merged == nil {
		merged = make(map[string]string)
	}
	untouched := func(key string) bool {
		was, had := base[key]
		is, has := current[key]
		return had == has && was == is
	}
	for key, value := range next { // order-free: each key by itself
		if untouched(key) {
			merged[key] = value
		}
	}
	for key := range base {
		if _, stays := next[key]; !stays && untouched(key) {
			delete(merged, key)
		}
	}
	return merged
}
