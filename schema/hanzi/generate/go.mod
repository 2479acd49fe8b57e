module heji/schema/hanzi/generate

go 1.26.8

require github.com/mozillazg/go-pinyin v0.21.0

require golang.org/x/text v0.43.0
