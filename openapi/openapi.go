// Package openapi holds one contract per dialect, as OpenAPI 3.1 files. They
// are written by hand; tests hold the answers of the real service against them.
package openapi

import "embed"

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
