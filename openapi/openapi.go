// Package openapi holds one contract per dialect, as OpenAPI 3.1 files. They
// are written by hand; tests hold the answers of the real service against them.
package openapi

import (
	"embed"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// WeChatPay is the contract of the WeChat Pay dialect.
func WeChatPay() []byte { return read("wechatpay.yaml") }

// Native is the contract of the native API, which begins with "openapi:".
func Native() []byte { return read("native.yaml") }

func read(name string) []byte {
	text, err := files.ReadFile(name)
	if err != nil {
		panic("the contract is part of the program: " + err.Error())
	}
	return text
}

// Names are the contracts, by dialect, in the order of their names.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic("the contracts are part of the program: " + err.Error())
	}
	var names []string
	for _, entry := range entries {
		names = append(names, strings.TrimSuffix(entry.Name(), suffix))
	}
	return names
}

const suffix = ".yaml"

// Contract is the contract of a dialect; ok is false for a name that Names lacks.
func Contract(name string) (text []byte, ok bool) {
	text, err := files.ReadFile(name + suffix)
	return text, err == nil
}
