#!/usr/bin/env bash
rm -rf $1/*
# shellcheck disable=SC2034
unused=1
