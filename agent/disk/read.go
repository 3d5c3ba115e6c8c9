package disk

import (
	"fmt"
	"io"
)

// ReadAll reads r to its end, or fails after limit bytes: an endless source, such as a device, must
// not fill the memory.
func ReadAll(r io.Reader, limit int) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(data) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}
