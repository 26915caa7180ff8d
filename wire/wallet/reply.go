package wallet

import (
	"bytes"
	"encoding/json"
)

// HeaderKey carries the API key, in the letter case in which net/http keeps it
// (L1-3).
const HeaderKey = "X-Api-Key"

// PathPrefix is the root of the API's paths at the original's hosts; paths are
// served without it too.
const PathPrefix = "/api/v1"

// MessageSuccess is the message of a reply that tells no failure. One page has
// it misspelt; the worked samples print this.
const MessageSuccess = "success"

// Reply is the wrapper of replies (L1.2-1): always around errors, around
// results where the request was sealed or the merchant wants it (L6-7 to L6-9).
// Data is null for a failure.
type Reply struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data"`
}

// Success wraps a result.
func Success(data any) Reply { return Reply{Code: CodeSuccess, Message: MessageSuccess, Data: data} }

// Failure wraps an error. The message is the text, and the code's name where
// there is none: "charge not found", "api_key_require".
func Failure(code Code, text string) Reply {
	if text == "" {
		text = code.Name()
	}
	return Reply{Code: code, Message: text}
}

// Marshal writes compact JSON with raw UTF-8, without HTML escapes and without
// a trailing newline. It fails like json.Marshal.
func Marshal(v any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
