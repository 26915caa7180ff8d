package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// maxAnswer bounds an answer's body, in bytes.
const maxAnswer = 1 << 20

// conn is one kept connection of HTTP/1.1. It sends requests that were written
// beforehand and reads of answers what a load needs: the load generator shares its
// machine with the service, and net/http's client would cost as much as the
// service does.
type conn struct {
	secure  bool
	address string // HOST:PORT
	net     net.Conn
	in      *bufio.Reader
	body    []byte // of the last answer
	under   atomic.Pointer[net.Conn]
}

var errAnswer = errors.New("an answer that is not HTTP/1.1")

// newConn takes the base address, such as http://127.0.0.1:8080.
func newConn(target string) (*conn, error) {
	parsed, err := url.Parse(target)
	if err != nil || parsed.Hostname() == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return nil, fmt.Errorf("target %q is not http://HOST:PORT or https://HOST:PORT", target)
	}
	c := &conn{secure: parsed.Scheme == "https", address: parsed.Host}
	if parsed.Port() == "" {
		c.address = net.JoinHostPort(parsed.Hostname(), map[bool]string{false: "80", true: "443"}[c.secure])
	}
	return c, nil
}

// do sends a request and reads its answer. The body is valid until the next
// call. After an error the next call connects anew.
func (c *conn) do(ctx context.Context, request []byte) (status int, body []byte, err error) {
	if c.net == nil {
		if err := c.dial(ctx); err != nil {
			return 0, nil, err
		}
	}
	status, keep, err := c.exchange(ctx, request)
	if err != nil || !keep {
		c.close()
	}
	return status, c.body, err
}

func (c *conn) dial(ctx context.Context) (err error) {
	dialer := net.Dialer{Timeout: requestTimeout}
	if c.secure {
		c.net, err = (&tls.Dialer{NetDialer: &dialer}).DialContext(ctx, "tcp", c.address)
	} else {
		c.net, err = dialer.DialContext(ctx, "tcp", c.address)
	}
	if err != nil {
		c.net = nil
		return err
	}
	c.in = bufio.NewReader(c.net)
	held := c.net
	c.under.Store(&held)
	return nil
}

func (c *conn) close() {
	if c.net != nil {
		_ = c.net.Close()
		c.net = nil
	}
}

// abort ends a call that waits, from another goroutine.
func (c *conn) abort() {
	if under := c.under.Load(); under != nil {
		_ = (*under).SetDeadline(time.Unix(1, 0))
	}
}

func (c *conn) exchange(ctx context.Context, request []byte) (status int, keep bool, err error) {
	c.body = c.body[:0]
	if err := c.net.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return 0, false, err
	}
	if ctx.Err() != nil { // abort may have come before the deadline was set
		return 0, false, ctx.Err()
	}
	if _, err := c.net.Write(request); err != nil {
		return 0, false, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, false, err
	}
	version, rest, _ := bytes.Cut(line, []byte(" "))
	if len(rest) < 3 || !bytes.HasPrefix(version, []byte("HTTP/1.1")) {
		return 0, false, errAnswer
	}
	if status, err = strconv.Atoi(string(rest[:3])); err != nil {
		return 0, false, errAnswer
	}
	length, keep, err := c.header()
	switch {
	case err != nil:
	case length < 0:
		err = c.chunks()
	default:
		err = c.more(length)
	}
	return status, keep, err
}

// header reads to the blank line; a length below 0 is a chunked body.
func (c *conn) header() (length int, keep bool, err error) {
	keep = true
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			return length, keep, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 || length > maxAnswer {
				return 0, false, errAnswer
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			length = -1
		case bytes.EqualFold(name, []byte("Connection")):
			keep = !bytes.EqualFold(value, []byte("close"))
		}
	}
}

// more reads further bytes of the body.
func (c *conn) more(length int) error {
	from := len(c.body)
	if from+length > maxAnswer {
		return errAnswer
	}
	if missing := from + length - cap(c.body); missing > 0 {
		c.body = append(c.body[:cap(c.body)], make([]byte, missing)...)
	}
	c.body = c.body[:from+length]
	_, err := io.ReadFull(c.in, c.body[from:])
	return err
}

func (c *conn) chunks() error {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		length, err := strconv.ParseInt(strings.TrimSpace(string(line)), 16, 32)
		if err != nil || length < 0 {
			return errAnswer
		}
		if err := c.more(int(length)); err != nil {
			return err
		}
		if _, err := c.in.Discard(len("\r\n")); err != nil {
			return err
		}
		if length == 0 {
			return nil
		}
	}
}

// member finds a string member of a JSON answer, the first of its name, without
// reading the whole; "" if there is none.
func member(body []byte, name string) string {
	at := bytes.Index(body, []byte(`"`+name+`"`))
	if at < 0 {
		return ""
	}
	rest, isValue := bytes.CutPrefix(bytes.TrimLeft(body[at+len(name)+2:], " \r\n\t"), []byte(":"))
	rest, isText := bytes.CutPrefix(bytes.TrimLeft(rest, " \r\n\t"), []byte(`"`))
	end := bytes.IndexByte(rest, '"')
	if !isValue || !isText || end < 0 {
		return ""
	}
	return string(rest[:end])
}
