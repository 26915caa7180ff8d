// Package strictclienttest is a strict client of our own for what the official
// clients of Ping++ and WeChat Pay do differently and that can't be run here:
// Go's, Java's, PHP's, Python's, Ruby's and C#'s. A profile says how a client
// writes requests, signs them, walks lists and repeats, and above all what it
// breaks on. Everything is written a second time, with nothing of the service
// in it, so that a mistake of ours is not made by both. Only tests import it.
package strictclienttest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// patience bounds an exchange; nothing comes near it.
	patience = 3 * time.Minute
	// continueWait is how long .NET waits for 100 Continue before it sends the
	// body anyway.
	continueWait = 350 * time.Millisecond
	// maxBody is far above what an answer of a test has.
	maxBody = 8 << 20
	// maxFields is far above the headers of an answer.
	maxFields = 100
)

// Field is one header as it stands on the wire.
type Field struct{ Name, Value string }

// Framing says how the end of a request's body is told.
type Framing int

// The framings of requests.
const (
	Sized    Framing = iota // Content-Length, 0 for an empty body
	Chunked                 // Transfer-Encoding: chunked, also for an empty body
	Bodiless                // neither, and no body
)

// Outgoing is a request, byte for byte.
type Outgoing struct {
	Method, Target string
	Fields         []Field
	Body           []byte
	Framing        Framing
	// Expect sends the body only after 100 Continue, or after .NET's patience.
	Expect bool
}

// Incoming is an answer as it stood on the wire.
type Incoming struct {
	Status int
	Fields []Field
	Body   []byte
	// Continued says that 100 Continue came before the body was sent.
	Continued bool
}

// Exact finds a header by its letters, as Java's maps do.
func (in Incoming) Exact(name string) string {
	for _, field := range in.Fields {
		if field.Name == name {
			return field.Value
		}
	}
	return ""
}

// Any finds a header without regard to letter case.
func (in Incoming) Any(name string) string {
	for _, field := range in.Fields {
		if strings.EqualFold(field.Name, name) {
			return field.Value
		}
	}
	return ""
}

// ErrHangs is what a client meets that writes its body only when a socket
// connects, on a connection that it uses again.
var ErrHangs = errors.New("the client waits for ever: the connection was kept alive")

// connection is one socket to a server.
type connection struct {
	conn   net.Conn
	reader *bufio.Reader
	closed bool
}

func dial(address string) (*connection, error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	return &connection{conn: conn, reader: bufio.NewReader(conn)}, nil
}

func (c *connection) close() {
	if c != nil && !c.closed {
		c.closed = true
		_ = c.conn.Close()
	}
}

// exchange sends one request and reads its whole answer.
func (c *connection) exchange(out Outgoing) (Incoming, error) {
	in, err := c.run(out)
	if err != nil || strings.EqualFold(in.Any("Connection"), "close") {
		c.close()
	}
	return in, err
}

func (c *connection) run(out Outgoing) (Incoming, error) {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return Incoming{}, err
	}
	head, body := out.text()
	if _, err := c.conn.Write(head); err != nil {
		return Incoming{}, fmt.Errorf("send head: %w", err)
	}
	var continued bool
	if out.Expect {
		early, err := c.await()
		if err != nil {
			return Incoming{}, err
		}
		if early != nil && early.Status != 100 {
			return *early, nil // the answer came without the body
		}
		continued = early != nil
	}
	if _, err := c.conn.Write(body); err != nil {
		return Incoming{}, fmt.Errorf("send body: %w", err)
	}
	for {
		in, err := c.read(out.Method)
		if err != nil || in.Status >= 200 {
			in.Continued = continued
			return in, err
		}
	}
}

// await waits for 100 Continue, or for an answer that comes in its place; nil
// when neither came in time.
func (c *connection) await() (*Incoming, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(continueWait)); err != nil {
		return nil, err
	}
	_, err := c.reader.Peek(1)
	if again := c.conn.SetReadDeadline(time.Now().Add(patience)); again != nil {
		return nil, again
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("wait for 100 Continue: %w", err)
	}
	in, err := c.read("POST")
	return &in, err
}

// text is the head and the framed body.
func (o Outgoing) text() (head, body []byte) {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\n", o.Method, o.Target)
	for _, field := range o.Fields {
		fmt.Fprintf(&text, "%s: %s\r\n", field.Name, field.Value)
	}
	if o.Expect {
		text.WriteString("Expect: 100-continue\r\n")
	}
	body = o.Body
	switch o.Framing {
	case Chunked:
		text.WriteString("Transfer-Encoding: chunked\r\n")
		body = nil
		if len(o.Body) > 0 {
			body = fmt.Appendf(nil, "%x\r\n%s\r\n", len(o.Body), o.Body)
		}
		body = append(body, "0\r\n\r\n"...)
	case Sized:
		fmt.Fprintf(&text, "Content-Length: %d\r\n", len(body))
	case Bodiless:
		body = nil
	}
	text.WriteString("\r\n")
	return text.Bytes(), body
}

// read reads one answer, also an interim one.
func (c *connection) read(method string) (Incoming, error) {
	line, err := c.line()
	if err != nil {
		return Incoming{}, fmt.Errorf("read status: %w", err)
	}
	version, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	in := Incoming{}
	if in.Status, err = strconv.Atoi(code); err != nil || version != "HTTP/1.1" {
		return in, fmt.Errorf("status line %q", line)
	}
	for {
		line, err := c.line()
		if err != nil {
			return in, fmt.Errorf("read headers: %w", err)
		}
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || len(in.Fields) == maxFields {
			return in, fmt.Errorf("header %q", line)
		}
		in.Fields = append(in.Fields, Field{name, strings.TrimSpace(value)})
	}
	if method == "HEAD" || in.Status < 200 || in.Status == 204 || in.Status == 304 {
		return in, nil
	}
	in.Body, err = c.body(in)
	return in, err
}

func (c *connection) body(in Incoming) ([]byte, error) {
	if strings.EqualFold(in.Any("Transfer-Encoding"), "chunked") {
		return c.chunks()
	}
	if text := in.Any("Content-Length"); text != "" {
		length, err := strconv.Atoi(text)
		if err != nil || length < 0 || length > maxBody {
			return nil, fmt.Errorf("content length %q", text)
		}
		body := make([]byte, length)
		_, err = io.ReadFull(c.reader, body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(c.reader, maxBody))
	c.close()
	return body, err
}

func (c *connection) chunks() ([]byte, error) {
	var body []byte
	for {
		line, err := c.line()
		if err != nil {
			return nil, err
		}
		length, err := strconv.ParseInt(line, 16, 32)
		if err != nil || length < 0 || len(body)+int(length) > maxBody {
			return nil, fmt.Errorf("chunk length %q", line)
		}
		chunk := make([]byte, length)
		if _, err := io.ReadFull(c.reader, chunk); err != nil {
			return nil, err
		}
		body = append(body, chunk...)
		if _, err := c.line(); err != nil || length == 0 {
			return body, err
		}
	}
}

func (c *connection) line() (string, error) {
	line, err := c.reader.ReadString('\n')
	return strings.TrimRight(line, "\r\n"), err
}
