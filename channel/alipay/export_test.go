package alipay

import wire "github.com/refundry/refundry/wire/alipay"

// Codes are those of the outcome tables, as "code sub_code".
func Codes() (all []string) {
	for code := range codes {
		all = append(all, code+" ")
	}
	for _, sub := range contentCodes {
		all = append(all, wire.CodeInvalidParameter+" "+sub)
	}
	for sub := range businessCodes {
		all = append(all, wire.CodeBusiness+" "+sub)
	}
	return all
}
