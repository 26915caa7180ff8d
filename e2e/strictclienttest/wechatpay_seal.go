package strictclienttest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// Certificates opens a list of platform certificates and gives the PEM texts by
// serial.
func (c *WeChat) Certificates(list Object) (map[string]string, error) {
	data, _ := list["data"].([]any)
	if len(data) == 0 {
		return nil, breaks("the list is empty")
	}
	texts := map[string]string{}
	for _, item := range data {
		one, _ := item.(Object)
		sealed, _ := one["encrypt_certificate"].(Object)
		text, err := c.open(sealed)
		if err != nil {
			return nil, err
		}
		texts[Text(one, "serial_no")] = string(text)
	}
	return texts, nil
}

// open decrypts what the APIv3 key sealed.
func (c *WeChat) open(sealed Object) ([]byte, error) {
	if _, ok := sealed["associated_data"].(string); !ok {
		return nil, breaks("associated_data is missing: nil is dereferenced")
	}
	nonce := Text(sealed, "nonce")
	const nonceSize = 12
	if len(nonce) != nonceSize {
		return nil, breaks("the nonce %q has not 12 bytes: Go's GCM panics", nonce)
	}
	if Text(sealed, "algorithm") != "AEAD_AES_256_GCM" {
		return nil, breaks("the algorithm is %s", describe(sealed["algorithm"]))
	}
	block, err := aes.NewCipher([]byte(c.APIv3Key))
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	text, err := base64.StdEncoding.DecodeString(Text(sealed, "ciphertext"))
	if err != nil {
		return nil, breaks("ciphertext: %v", err)
	}
	plain, err := gcm.Open(nil, []byte(nonce), text, []byte(Text(sealed, "associated_data")))
	if err != nil {
		return nil, breaks("ciphertext: %v", err)
	}
	return plain, nil
}

// Notification verifies, reads and opens a notification as a receiver does:
// find looks headers up.
func (c *WeChat) Notification(find func(string) string, body []byte) (outer, notice Object, err error) {
	if !strings.HasPrefix(find("Content-Type"), "application/json") {
		return nil, nil, breaks("the content type is %q", find("Content-Type"))
	}
	if err := c.verifySigned(find, body); err != nil {
		return nil, nil, err
	}
	if outer, err = c.read("wechat notification", body); err != nil {
		return nil, nil, err
	}
	resource, _ := outer["resource"].(Object)
	text, err := c.open(resource)
	if err != nil {
		return outer, nil, err
	}
	if notice, err = c.read("wechat notice", text); err != nil {
		return outer, nil, err
	}
	if amount, _ := notice["amount"].(Object); len(amount) != len(documents["wechat notice amount"]) {
		return outer, notice, breaks("the amount of a notification has other members: %s", describe(amount))
	}
	return outer, notice, nil
}

// Digest is a bill's hash: SHA-1 in hexadecimal digits.
func Digest(file []byte) string { return fmt.Sprintf("%x", sha1.Sum(file)) }

// RawJSON is a decoded value as JSON again, for messages of tests.
func RawJSON(value any) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(text.String())
}
