// A module of its own: the official client is no dependency of the program,
// nor of whoever builds it.
module github.com/refundry/refundry/e2e/wechatpaygo

go 1.26

require github.com/wechatpay-apiv3/wechatpay-go v0.2.21
