package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// requests are requests of all kinds, and what is none.
var requests = []string{
	get,
	"GET http://other:80/a?b#c HTTP/1.1\r\nHost: h\r\n\r\n",
	"CONNECT other:22 HTTP/1.1\r\nHost: h\r\n\r\n",
	"CONNECT /path HTTP/1.1\r\nHost: h\r\n\r\n",
	"OPTIONS * HTTP/1.0\r\n\r\n",
	"GET /%2e%2e%2fx%00 HTTP/1.1\r\nhost:h\r\nconnection: keep-alive, Close\r\n\r\n",
	"GET /x y HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /x HTTP/1.1\nHost: h\n\n",
	"GET /x HTTP/1.1\r\nHost: h\r\nA: b\r\n  c\r\n\r\n",
	"GET /x HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
	"GET /x HTTP/1.10\r\nHost: h\r\n\r\n", "GET /x HTTP/0.9\r\nHost: h\r\n\r\n",
	"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET",
	"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
	"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9223372036854775808\r\n\r\nabc",
	"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\nabc",
	"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nabc",
	chunkedHead + "3\r\nabc\r\nA;ext=\"x\"\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nGET",
	chunkedHead + "3 \r\nabc\r\n000\r\n\r\n", chunkedHead + "3\nabc\r\n0\r\n\r\n",
	chunkedHead + "3\r\nabcd\r\n0\r\n\r\n", chunkedHead + "\r\n\r\n", chunkedHead + "0x1\r\na\r\n0\r\n\r\n",
	chunkedHead + "8000000000000000\r\na", chunkedHead + "2\r\nab\r\n", chunkedHead + "0\r\nA: b\r\n",
	"POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
}

const chunkedHead = "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"

// What is a request here is the same one for net/http: in all that a handler sees, in its body, and
// in where the next one begins. So whoever stands in front of it has no other idea of it.
func FuzzRequest(f *testing.F) {
	for _, text := range requests {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ours, theirs := bufio.NewReaderSize(bytes.NewReader(data), bufferSize), bufio.NewReaderSize(bytes.NewReader(data), bufferSize)
		got, err := readRequest(ours)
		if err != nil {
			return
		}
		want, err := http.ReadRequest(theirs)
		if err != nil {
			t.Fatalf("net/http: %v", err)
		}
		if got.Method != want.Method || got.Host != want.Host || !reflect.DeepEqual(got.URL, want.URL) ||
			got.close != (want.Close || got.minor == 0) || int64(got.length) != want.ContentLength {
			t.Fatalf("%+v, net/http: %+v", got, want)
		}
		want.Header.Del("Cache-Control") // which net/http makes of Pragma
		got.Header.Del("Cache-Control")
		got.Header.Del("Transfer-Encoding") // which net/http takes out
		want.Header.Del("Trailer")
		got.Header.Del("Trailer")
		if !reflect.DeepEqual(http.Header(got.Header), want.Header) {
			t.Fatalf("header %v, net/http: %v", got.Header, want.Header)
		}
		body, err := io.ReadAll(got.Body)
		wantBody, wantErr := io.ReadAll(want.Body)
		if err != nil {
			return // the connection ends here
		}
		if wantErr != nil || !bytes.Equal(body, wantBody) {
			t.Fatalf("body %q; net/http: %q, %v", body, wantBody, wantErr)
		}
		rest, _ := io.ReadAll(ours)
		if wantRest, _ := io.ReadAll(theirs); !bytes.Equal(rest, wantRest) {
			t.Fatalf("next %q, net/http: %q", rest, wantRest)
		}
	})
}

// What net/http takes and this server doesn't: what others may read in another way. All else that
// it takes is a request here, too.
func TestStricterThanTheLibrary(t *testing.T) {
	t.Parallel()
	refused := map[int]bool{13: true, 26: true, 27: true}
	for i, text := range requests {
		got, err := readRequest(bufio.NewReader(strings.NewReader(text)))
		_, wantErr := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if stricter := err != nil && wantErr == nil; stricter != refused[i] && !strings.Contains(text, "HTTP/0.9") {
			t.Errorf("%d %q: %+v, %v; net/http: %v", i, text, got, err, wantErr)
		}
	}
}

// Bodies that make no sense end with an error, and those that break off with another than io.EOF.
func TestBodies(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"3\r\nabc\r\nA;x\r\n0123456789\r\n0\r\nA: b\r\n\r\n": "abc0123456789",
		"0\r\n\r\n": "",
		"3\r\nabc\r\n0\r\n" + strings.Repeat("A:\r\n", fieldsMax-1) + "\r\n": "abc",

		"3\r\nabc\r\n0\r\n" + strings.Repeat("A:\r\n", fieldsMax) + "\r\n": "error",
		"3;" + strings.Repeat("x", bufferSize) + "\r\nabc\r\n0\r\n\r\n":    "error",
		"3\r\nabcd\r\n0\r\n\r\n": "error", "3\r\nabc\n0\r\n\r\n": "error", "3\nabc\r\n0\r\n\r\n": "error",
		"+3\r\nabc\r\n0\r\n\r\n": "error", "-0\r\n\r\n": "error", "\r\n\r\n": "error", "x\r\n\r\n": "error",
		"0_0\r\n\r\n": "error", "0\r\nA\rB\r\n\r\n": "error", "8000000000000000\r\nabc": "error",
		"": "error", "3\r\n": "error", "3\r\nab": "error", "3\r\nabc": "error", "3\r\nabc\r\n": "error", "0\r\n": "error",
	} {
		b, err := io.ReadAll(&chunks{r: bufio.NewReaderSize(strings.NewReader(text), bufferSize)})
		if failed := err != nil; failed != (want == "error") || !failed && string(b) != want {
			t.Errorf("%.40q: %q, %v", text, b, err)
		}
	}
	if b, err := io.ReadAll(&exactly{r: bufio.NewReader(strings.NewReader("ab")), left: 3}); err != io.ErrUnexpectedEOF {
		t.Errorf("%q, %v", b, err)
	}
}
