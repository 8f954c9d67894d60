"""`python -m wgm_play`: the same as the command `wgm-play`."""

from wgm_play.cli.main import main

if __name__ == "__main__":
    main()
