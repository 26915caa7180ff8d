package strictclienttest

import (
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client is a Ping++ client of one language. It is used by one goroutine.
type Client struct {
	// Address is host:port; the scheme is plain HTTP.
	Address string
	Key     string
	// Signing signs requests as the Generation says; nil for none.
	Signing    *rsa.PrivateKey
	Generation Generation
	// Verifying is the platform's key; Java then refuses answers without its
	// signature.
	Verifying *rsa.PublicKey
	// Now is the time of requests; default time.Now.
	Now func() time.Time
	// English asks for English messages.
	English bool
	// More are headers that a program adds.
	More []Field
	// Exchanges are all that were made, newest last.
	Exchanges []Exchange

	name   string
	is     pingpp
	socket *connection
	used   bool // the socket has served a request
}

// Exchange is one request with its answer; Err is why there is none.
type Exchange struct {
	Outgoing
	Incoming
	Err error
}

// Refused is a proper error of a client's library.
type Refused struct {
	Status int
	// Class is the exception's name in the client's language.
	Class                      string
	Type, Message, Code, Param string
}

func (r *Refused) Error() string {
	return fmt.Sprintf("%s: %d %s: %s (code %q, param %q)", r.Class, r.Status, r.Type, r.Message, r.Code, r.Param)
}

// New returns a client by its language's name.
func New(name, address, key string) *Client {
	is, ok := clients[name]
	if !ok {
		panic("no client " + name)
	}
	return &Client{Address: address, Key: key, Now: time.Now, name: name, is: is}
}

// Name is the client's language.
func (c *Client) Name() string { return c.name }

// Close ends the connection.
func (c *Client) Close() { c.socket.close() }

// Path joins segments to a path, ids escaped as the client escapes them.
func (c *Client) Path(segments ...string) string {
	for n, segment := range segments {
		if !c.is.rawIDs {
			segments[n] = escapePath(segment, "-_.~")
		}
	}
	return "/v1/" + strings.Join(segments, "/")
}

// Get reads an object of a documented name; "" for any.
func (c *Client) Get(name, path string, params Map) (Object, error) {
	return c.do(name, c.outgoing("GET", path+c.is.query.encode(params), nil, false))
}

// Post writes; nil params are none at all, as each language has it.
func (c *Client) Post(name, path string, params Map) (Object, error) {
	if params == nil {
		return c.do(name, c.outgoing("POST", path, []byte(c.is.empty), c.is.bare))
	}
	return c.do(name, c.outgoing("POST", path, c.is.body.encode(params), false))
}

// PostRaw writes a body as it is.
func (c *Client) PostRaw(name, path string, body []byte) (Object, error) {
	return c.do(name, c.outgoing("POST", path, body, false))
}

// Reverse is a POST whose body is empty in another way: Go sends no bytes but
// chunked, Java {}.
func (c *Client) Reverse(charge string) (Object, error) {
	body := []byte(c.is.empty)
	switch c.name {
	case Go:
		body = nil
	case Java:
		body = []byte("{}")
	}
	return c.do("charge", c.outgoing("POST", c.Path("charges", charge, "reverse"), body, false))
}

// outgoing is a request with everything but what changes with a repetition.
func (c *Client) outgoing(method, target string, body []byte, bare bool) Outgoing {
	out := Outgoing{Method: method, Target: target, Body: body, Framing: Bodiless}
	add := func(name, value string) { out.Fields = append(out.Fields, Field{name, value}) }
	add("Host", c.Address)
	if c.is.basic {
		add("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(c.Key+":")))
	} else {
		add("Authorization", "Bearer "+c.Key)
	}
	add("User-Agent", c.is.agent)
	for _, field := range c.is.more {
		if field.Name != "Accept-Language" || !c.English {
			out.Fields = append(out.Fields, field)
		}
	}
	if c.English {
		add("Accept-Language", "en")
	}
	out.Fields = append(out.Fields, c.More...)
	content := c.is.getType
	if method == "POST" {
		content, out.Expect = c.is.postType, c.is.expect
		if out.Framing = c.is.framing; len(body) == 0 {
			out.Framing = c.is.bareFrame
		}
	}
	if content != "" && !bare {
		name := c.is.typeName
		if name == "" {
			name = "Content-Type"
		}
		add(name, content)
	}
	return out
}

// do sends, repeats as the client does, and reads the answer as it does.
func (c *Client) do(name string, out Outgoing) (Object, error) {
	stamped, err := c.stamped(out)
	if err != nil {
		return nil, err
	}
	in, err := c.exchange(stamped)
	if c.is.repeats != nil && (err == nil || c.is.repeats(0, nil)) && c.is.repeats(in.Status, in.Body) {
		if c.name == Java || c.name == PHP || c.name == CSharp {
			if stamped, err = c.stamped(out); err != nil { // these sign anew
				return nil, err
			}
		}
		in, err = c.exchange(stamped)
	}
	if err != nil {
		return nil, err
	}
	return c.read(name, in)
}

// stamped adds timestamp and signature.
func (c *Client) stamped(out Outgoing) (Outgoing, error) {
	stamp := strconv.FormatInt(c.Now().Unix(), 10)
	fields := append([]Field(nil), out.Fields...)
	if (c.is.timestamps || c.Signing != nil) && c.Generation != BodyOnly {
		fields = append(fields, Field{"Pingplusplus-Request-Timestamp", stamp})
	}
	if c.Signing != nil {
		text := string(out.Body)
		switch c.Generation {
		case Current:
			text += out.Target + stamp
		case BodyTime:
			text += stamp
		case BodyOnly:
		}
		signature, err := sign(c.Signing, text)
		if err != nil {
			return out, err
		}
		fields = append(fields, Field{"Pingplusplus-Signature", signature})
	}
	out.Fields = fields
	return out, nil
}

func (c *Client) exchange(out Outgoing) (in Incoming, err error) {
	defer func() { c.Exchanges = append(c.Exchanges, Exchange{out, in, err}) }()
	if c.socket == nil || c.socket.closed {
		if c.socket, err = dial(c.Address); err != nil {
			return Incoming{}, err
		}
		c.used = false
	}
	if c.is.hangs && c.used {
		return Incoming{}, ErrHangs
	}
	c.used = true
	return c.socket.exchange(out)
}

// read does with an answer what the client's library does.
func (c *Client) read(name string, in Incoming) (Object, error) {
	if in.Status == 502 && c.is.silent502 {
		return nil, breaks("502 twice is an empty object without an error")
	}
	if c.is.verifies && c.Verifying != nil && in.Status/100 == 2 && !verify(c.Verifying, string(in.Body), in.Any("X-Pingplusplus-Signature")) {
		return nil, breaks("AuthenticationException inside a RuntimeException: the answer's signature is missing or wrong")
	}
	value, err := decodeJSON(in.Body)
	if err != nil {
		return nil, err
	}
	object, ok := value.(Object)
	if !ok {
		return nil, breaks("the answer is %s and no object", describe(value))
	}
	problem, is := object["error"]
	if c.is.truthy {
		if is == (in.Status/100 == 2) {
			return nil, breaks("%d with error %s: success and error go by the body alone", in.Status, describe(problem))
		}
	}
	if in.Status/100 != 2 {
		return nil, c.refused(in.Status, problem)
	}
	if strings.HasPrefix(name, "list of ") {
		return object, c.is.decoder.checkList(strings.TrimPrefix(name, "list of "), "list", object)
	}
	return object, c.is.decoder.check(name, name, object)
}

// refused makes the client's error of an envelope.
func (c *Client) refused(status int, problem any) error {
	envelope, ok := problem.(Object)
	if !ok {
		return breaks("%d without an error object: NullPointerException, NullReferenceException, or an error without a word", status)
	}
	for name, value := range envelope {
		if _, text := value.(string); !text && (c.is.decoder.strictText || name == "type" || name == "message") {
			return breaks("error.%s is %s and no string: panic", name, describe(value))
		}
	}
	class := c.is.classes[status]
	if class == "" {
		class = c.is.classes[0]
	}
	refusal := &Refused{
		Status: status, Class: class, Type: Text(envelope, "type"), Message: Text(envelope, "message"),
		Code: Text(envelope, "code"), Param: Text(envelope, "param"),
	}
	if refusal.Type == "" || refusal.Message == "" {
		return breaks("%d without type and message: %s", status, describe(problem))
	}
	if c.is.truthy && class == "" {
		types := map[string]string{"invalid_request_error": "PingppInvalidRequest", "api_error": "PingppAPIError", "channel_error": "PingppChannelError"}
		if refusal.Class = types[refusal.Type]; refusal.Class == "" {
			return breaks("the type %q is a generic error without the message", refusal.Type)
		}
	}
	return refusal
}

// Follow asks for a list by the path that an answer gave it, as Java, Python,
// PHP and Ruby do: appended to the base.
func (c *Client) Follow(of string, list any, params Map) (Object, error) {
	object, ok := list.(Object)
	address, text := object["url"].(string)
	if !ok || !text {
		return nil, breaks("the list has no url to follow: %s", describe(list))
	}
	if c.is.decoder.onlyPath {
		parsed, err := url.Parse(address)
		if err != nil {
			return nil, breaks("url %q: %v", address, err)
		}
		address = parsed.Path
	}
	if !strings.HasPrefix(address, "/") {
		return nil, breaks("url %q appended to the base leads nowhere", address)
	}
	return c.Get("list of "+of, address, params)
}

// Walk reads all pages of a list, newest first, and gives the ids.
func (c *Client) Walk(of, path string, params Map, limit int) ([]string, error) {
	var ids []string
	cursor := ""
	for {
		asked := append(append(Map{}, params...), Pair{"limit", limit})
		if cursor != "" {
			asked = append(asked, Pair{"starting_after", cursor})
		}
		page, more, err := c.page(of, path, asked)
		if err != nil {
			return nil, err
		}
		ids = append(ids, page...)
		if !more {
			return ids, nil
		}
		cursor = page[len(page)-1]
	}
}

// WalkBack is Go's iterator with ending_before: it turns each page round and
// goes on from its newest item while there is more. It returns the ids from the
// item after start to the newest.
func (c *Client) WalkBack(of, path string, params Map, limit int, start string) ([]string, error) {
	var ids []string
	for {
		page, more, err := c.page(of, path, append(append(Map{}, params...), Pair{"limit", limit}, Pair{"ending_before", start}))
		if err != nil {
			return nil, err
		}
		for n := len(page) - 1; n >= 0; n-- {
			ids = append(ids, page[n])
		}
		if !more {
			return ids, nil
		}
		start = page[0]
	}
}

func (c *Client) page(of, path string, params Map) (ids []string, more bool, err error) {
	list, err := c.Get("list of "+of, path, params)
	if err != nil {
		return nil, false, err
	}
	data, _ := list["data"].([]any)
	for _, item := range data {
		object, _ := item.(Object)
		ids = append(ids, Text(object, "id"))
	}
	more, _ = list["has_more"].(bool)
	if more && len(ids) == 0 {
		return nil, false, breaks("more behind an empty page")
	}
	return ids, more, nil
}

// AsError reports whether a refusal of the library came, and which.
func AsError(err error) (*Refused, bool) {
	var refused *Refused
	return refused, errors.As(err, &refused)
}

// IsBroken reports whether a client breaks.
func IsBroken(err error) bool {
	var broken *Broken
	return errors.As(err, &broken)
}

// Letter holds an object against the documents' every word: each documented
// member is there, of its type, and null only where the documents allow it.
func Letter(name string, object Object) error {
	if strings.HasPrefix(name, "list of ") {
		return letter.checkList(strings.TrimPrefix(name, "list of "), "list", object)
	}
	return letter.check(name, name, object)
}
