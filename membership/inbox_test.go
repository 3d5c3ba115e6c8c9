package membership

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
)

// What comes faster than the program takes it is dropped, and counted.
func TestInboxIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []byte
		free := make(chan struct{})
		b := newInbox(3, func(x *item) {
			<-free
			got = append(got, x.data...)
		})
		go b.run()
		defer b.close()
		for i := range 5 {
			if ok := b.add(item{data: []byte{'a' + byte(i)}}, nil); ok != (i < 3) {
				t.Errorf("item %d: %v", i, ok)
			}
		}
		close(free)
		b.flush(t.Context())
		if string(got) != "abc" || b.drops() != 2 {
			t.Errorf("%q arrived, %d dropped; want abc, 2", got, b.drops())
		}
		if ok := b.add(item{data: []byte("d")}, nil); !ok {
			t.Error("there is room again")
		}
		b.flush(t.Context())
	})
}

func TestInboxIsBoundedInBytes(t *testing.T) {
	b := newInbox(10, nil)
	half := make([]byte, inboxBytes/2)
	for i, size := range []int{len(half), len(half), 1} {
		if ok := b.add(item{data: half[:size]}, nil); ok != (i < 2) {
			t.Errorf("item %d: %v", i, ok)
		}
	}
	one := newInbox(10, nil)
	if !one.add(item{data: half, join: true}, [][]byte{half, half}) {
		t.Error("the only one, though large, is dropped")
	}
	if x, _ := one.first(); len(x.data) != 3*len(half) {
		t.Errorf("%d bytes, in three pieces %d", len(x.data), 3*len(half))
	}
}

// A ring that grows while its function runs keeps the order, and what the function reads.
func TestInboxKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := 0
		b := newInbox(1000, func(x *item) {
			if want := []byte{byte(next), byte(next >> 8)}; !bytes.Equal(x.data, want) {
				t.Errorf("item %d is %v", next, x.data)
			}
			next++
			if next%7 == 0 {
				synctest.Wait() // others come meanwhile
			}
		})
		go b.run()
		for i := range 900 {
			b.add(item{data: []byte{byte(i), byte(i >> 8)}}, nil)
		}
		b.flush(t.Context())
		if b.close(); next != 900 || len(b.items.items) != 0 {
			t.Errorf("%d items, memory for %d is kept", next, len(b.items.items))
		}
	})
}

// Whoever waits for a function isn't left behind when the node is closed.
func TestFlushEndsWithTheInbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		b := newInbox(3, func(*item) { <-free })
		go b.run()
		b.add(item{}, nil)
		go b.flush(context.Background())
		go b.flush(context.Background())
		synctest.Wait()
		b.close()
		close(free)
		synctest.Wait()
	})
}
