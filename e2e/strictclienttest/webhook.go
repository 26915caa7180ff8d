package strictclienttest

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"mime"
)

// Webhook verifies and reads a Ping++ webhook as the receivers do: the
// signature is over the raw body alone, the body is compact JSON, Java takes
// the class from data.object.object, and every client's model must take the
// object.
func Webhook(key *rsa.PublicKey, headers func(name string) string, body []byte) (Object, error) {
	if kind, _, err := mime.ParseMediaType(headers("Content-Type")); err != nil || kind != "application/json" {
		return nil, breaks("the content type is %q", headers("Content-Type"))
	}
	if !verify(key, string(body), headers("X-Pingplusplus-Signature")) {
		return nil, breaks("the signature is missing or wrong")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, body); err != nil || !bytes.Equal(compact.Bytes(), body) {
		return nil, breaks("the body is no compact JSON: %s", body)
	}
	value, err := decodeJSON(body)
	if err != nil {
		return nil, err
	}
	if err := letter.check("event", "event", value); err != nil {
		return nil, err
	}
	event, _ := value.(Object)
	data, _ := event["data"].(Object)
	object, _ := data["object"].(Object)
	name := Text(object, "object")
	if _, known := documents[name]; !known {
		return nil, breaks("data.object.object is %q: no class", name)
	}
	for _, client := range Clients() {
		if err := clients[client].decoder.check(name, client+": "+name, object); err != nil {
			return nil, err
		}
	}
	return event, letter.check(name, name, object)
}
