package stripe

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/channelsim"
)

// headerKey carries a request's idempotency key.
const headerKey = "Idempotency-Key"

// maxKey is what a key has at most.
const maxKey = 255

// Authenticate implements channelsim.Side: the secret key as the user of Basic, or as
// Bearer. A key that another request is using is refused here, where requests are side
// by side.
func (s *Side) Authenticate(c *channelsim.Call) *channelsim.Answer {
	given, ok := secretOf(c.Header.Get("Authorization"))
	if !ok {
		a := fail(http.StatusUnauthorized, fault{Type: invalidRequest, Message: "You did not provide an API key."})
		return &a
	}
	if subtle.ConstantTimeCompare([]byte(given), []byte(s.secretKey)) != 1 {
		shown := given[:min(len(given), 8)]
		a := fail(http.StatusUnauthorized, fault{Type: invalidRequest, Code: "api_key_invalid", Message: "Invalid API Key provided: " + shown + "********"})
		return &a
	}
	key := c.Header.Get(headerKey)
	if c.Method != http.MethodPost || key == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[key] {
		a := fail(http.StatusConflict, fault{
			Type: idempotencyError, Code: "idempotency_key_in_use", Message: "There is currently another in-progress request using this Idempotent Key.",
		})
		return &a
	}
	s.busy[key] = true
	return nil
}

// release ends a request's use of its key.
func (s *Side) release(c *channelsim.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, c.Header.Get(headerKey))
}

func secretOf(authorization string) (secret string, ok bool) {
	if secret, ok = strings.CutPrefix(authorization, "Bearer "); ok {
		return secret, secret != ""
	}
	encoded, ok := strings.CutPrefix(authorization, "Basic ")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil {
		return "", false
	}
	secret, _, _ = strings.Cut(string(raw), ":")
	return secret, secret != ""
}

// form are a request's parameters: names with brackets as they were sent.
type form map[string]string

// readForm reads parameters. A name that comes twice is refused, but for lists.
func readForm(values url.Values) (form, *channelsim.Answer) {
	out := make(form, len(values))
	for name, all := range values {
		if strings.HasSuffix(name, "[]") {
			for n, one := range all {
				out[strings.TrimSuffix(name, "[]")+"["+strconv.Itoa(n)+"]"] = one
			}
			continue
		}
		if len(all) != 1 {
			a := bad("parameter_invalid_string_blank", name, "Received %s more than once", name)
			return nil, &a
		}
		out[name] = all[0]
	}
	return out, nil
}

// body reads the form of a POST.
func body(c *channelsim.Call) (form, *channelsim.Answer) {
	kind, _, _ := strings.Cut(c.Header.Get("Content-Type"), ";")
	if len(c.Body) > 0 && strings.TrimSpace(kind) != "application/x-www-form-urlencoded" {
		a := bad("", "", "Invalid request: the content type must be application/x-www-form-urlencoded")
		return nil, &a
	}
	values, err := url.ParseQuery(string(c.Body))
	if err != nil {
		a := bad("", "", "Invalid request: the body is no form")
		return nil, &a
	}
	return readForm(values)
}

var bracketed = regexp.MustCompile(`^([a-z_]+)\[([^\]]{1,40})\]$`)

// maxMetadata is how many keys metadata has, and maxMetadataValue a value's length.
const (
	maxMetadata      = 50
	maxMetadataValue = 500
)

// only refuses parameters that are not among the names; those in nested have brackets.
func (f form) only(nested []string, names ...string) *channelsim.Answer {
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if slices.Contains(names, name) {
			continue
		}
		if parts := bracketed.FindStringSubmatch(name); parts != nil && (parts[1] == "expand" || slices.Contains(nested, parts[1])) {
			continue
		}
		a := bad("parameter_unknown", name, "Received unknown parameter: %s", name)
		return &a
	}
	return nil
}

// nested are the members of a parameter with brackets.
func (f form) nested(name string) map[string]string {
	out := make(map[string]string)
	for full, value := range f {
		if parts := bracketed.FindStringSubmatch(full); parts != nil && parts[1] == name {
			out[parts[2]] = value
		}
	}
	return out
}

// metadata reads metadata and what is wrong with it.
func (f form) metadata() (map[string]string, *channelsim.Answer) {
	out := f.nested("metadata")
	if len(out) > maxMetadata {
		a := bad("", "metadata", "Metadata can have up to 50 keys")
		return nil, &a
	}
	for name, value := range out {
		if len(value) > maxMetadataValue {
			a := bad("", "metadata["+name+"]", "Metadata values can have up to 500 characters")
			return nil, &a
		}
	}
	return out, nil
}

// integer reads a whole number; ok is false where there is none.
func (f form) integer(name string, least, most int64) (n int64, ok bool, refused *channelsim.Answer) {
	text, ok := f[name]
	if !ok {
		return 0, false, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		a := bad("parameter_invalid_integer", name, "Invalid integer: %s", text)
		return 0, false, &a
	}
	return n, true, nil
}

// kept is what is kept of a request under its idempotency key: the refund as it was
// first shown, or another answer.
type kept struct {
	request  string
	at       time.Time
	refundID string
	shown    channelsim.Refund
	answer   *channelsim.Answer
}

// fingerprint tells requests of a key apart.
func fingerprint(c *channelsim.Call) string {
	values, _ := url.ParseQuery(string(c.Body)) // it was read before
	sum := sha256.Sum256([]byte(c.Method + " " + c.Path + "\n" + values.Encode()))
	return hex.EncodeToString(sum[:])
}

// keep keeps what execution came to, if the request has a key.
func (s *Side) keep(c *channelsim.Call, k *kept) {
	key := c.Header.Get(headerKey)
	if key == "" {
		return
	}
	k.request, k.at = fingerprint(c), c.Books.Now()
	s.keys[key] = k
}

// recall finds what is kept under a request's key, nil for nothing. A key that was used
// with other parameters is refused.
func (s *Side) recall(c *channelsim.Call) (*kept, *channelsim.Answer) {
	key := c.Header.Get(headerKey)
	if len(key) > maxKey {
		a := bad("", "", "Idempotency keys have up to 255 characters")
		return nil, &a
	}
	k := s.keys[key]
	switch {
	case key == "" || k == nil:
		return nil, nil
	case c.Books.Now().Sub(k.at) >= keyLife:
		delete(s.keys, key)
		return nil, nil
	case k.request != fingerprint(c):
		a := fail(http.StatusBadRequest, fault{Type: idempotencyError, Message: fmt.Sprintf(
			"Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '%s' if you meant to execute a different request.", key)})
		return nil, &a
	}
	return k, nil
}
