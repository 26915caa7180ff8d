package native

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/refund"
)

// list is how all lists are answered. Next is a cursor, null at the end; the
// event feed's is always there.
type list[T any] struct {
	Data    []T     `json:"data"`
	HasMore bool    `json:"has_more"`
	Next    *string `json:"next"`
	// Unreadable are the ids of rows of the page that are damaged and left out.
	Unreadable []string `json:"unreadable,omitempty"`
}

func unreadableIDs(all []refund.Unreadable) (ids []string) {
	for _, one := range all {
		ids = append(ids, one.ID)
	}
	return ids
}

// moment is a time in answers: RFC 3339, UTC, microseconds; null for none.
type moment time.Time

// momentFormat always shows six decimals, so that texts sort as times do.
const momentFormat = "2006-01-02T15:04:05.000000Z"

// MarshalJSON writes the time.
func (m moment) MarshalJSON() ([]byte, error) {
	t := time.Time(m)
	if t.IsZero() {
		return []byte("null"), nil
	}
	return []byte(`"` + t.UTC().Format(momentFormat) + `"`), nil
}

// json answers with a body.
func (c *call) json(status int, body any) error {
	text, err := encode(body)
	if err != nil {
		return c.x.Lost(err, "render answer")
	}
	c.write(status, "application/json", text)
	return nil
}

// encode writes JSON as one line. <, > and & stay as they are: answers are no
// web pages.
func encode(body any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

func (c *call) write(status int, contentType string, body []byte) {
	if c.hold {
		c.held = &reply{status, contentType, body}
		return
	}
	header := c.w.Header()
	header.Set("Content-Type", contentType)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body) // the caller may be gone
	}
}

// stream answers with a file that write writes, and that is the same each time: first
// it is counted, so that one that ends early is seen to.
func (c *call) stream(contentType string, write func(io.Writer) error) error {
	var size counting
	if err := write(&size); err != nil {
		return err
	}
	header := c.w.Header()
	header.Set("Content-Type", contentType)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Length", strconv.FormatInt(int64(size), 10))
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method != http.MethodHead {
		_ = write(c.w) // the caller may be gone
	}
	return nil
}

// counting counts what is written.
type counting int64

func (n *counting) Write(text []byte) (int, error) {
	*n += counting(len(text))
	return len(text), nil
}

// body reads and parses the request's body.
func (c *call) body() (*decoder, error) {
	if c.read != nil {
		return parse(c.read)
	}
	text, err := dialect.ReadBody(c.w, c.r)
	if err != nil {
		return nil, err
	}
	return parse(text)
}

// keyedBody is the body of a write, whose Idempotency-Key once has looked at.
func (c *call) keyedBody() (*decoder, error) { return c.body() }

// noMembers refuses a body that says anything.
func (c *call) noMembers() error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	return body.read()
}
