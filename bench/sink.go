package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
)

// sink receives the webhooks of a load and counts them. It is as small as a
// receiver can be, since it runs on the cores that are measured.
type sink struct {
	url      string
	received atomic.Int64
	listener net.Listener
	serving  sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool // nil: closed
}

// openSink listens on a free port of this machine.
func openSink(ctx context.Context) (*sink, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for webhooks: %w", err)
	}
	s := &sink{url: "http://" + listener.Addr().String() + "/webhooks", listener: listener, open: make(map[net.Conn]bool)}
	s.serving.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return // closed
			}
			if s.keep(c) {
				s.serving.Go(func() { s.serve(c) })
			}
		}
	})
	return s, nil
}

func (s *sink) keep(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		_ = c.Close()
		return false
	}
	s.open[c] = true
	return true
}

func (s *sink) serve(c net.Conn) {
	defer func() {
		s.mu.Lock()
		delete(s.open, c)
		s.mu.Unlock()
		_ = c.Close()
	}()
	in := bufio.NewReader(c)
	for skipRequest(in) == nil {
		s.received.Add(1)
		if _, err := io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n"); err != nil {
			return
		}
	}
}

// skipRequest reads one request, whose body has a length.
func skipRequest(in *bufio.Reader) error {
	length := 0
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			if first {
				return errors.New("a request without a line")
			}
			_, err := in.Discard(length)
			return err
		}
		if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
}

func (s *sink) close() {
	_ = s.listener.Close()
	s.mu.Lock()
	for c := range s.open {
		_ = c.Close()
	}
	s.open = nil
	s.mu.Unlock()
	s.serving.Wait()
}
