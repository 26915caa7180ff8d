// Package wechatpay describes how WeChat Pay's API v3 looks on the wire, from
// both ends: we serve its domestic refunds to merchants' clients, and we call
// it for merchants. It has signatures both ways, sealed resources, requests,
// the refund and order objects, notifications, errors and bills. It knows
// nothing of the rules of refunds, of storage or of HTTP routing.
//
// Amounts are int64 fen. Times are written with whole seconds and +08:00. Ids
// in comments, such as W2.1-11, are those of the rules in
// docs/rules/wechatpay.md; "the page" is the published page of the refund
// object. JSON here never carries null: members are left out instead.
package wechatpay
